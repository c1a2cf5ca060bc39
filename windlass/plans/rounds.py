"""In which rounds hosts are worked on, and when a run goes no further."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

OnFailure = Literal["continue", "stop"]
_SHARE = re.compile(r"^([0-9]{1,6})(%?)$")


@dataclass(frozen=True, slots=True)
class Share:
    """So many hosts, or a percentage of all."""

    number: int
    percent: bool = False

    def of(self, total: int) -> int:
        """Hosts, rounded down: `10%` of 15 is 1."""
        return total * self.number // 100 if self.percent else self.number

    def __str__(self) -> str:
        return f"{self.number}{'%' if self.percent else ''}"


def share(text: str) -> Share:
    """`5` or `25%`. Raises ValueError for anything else, also for more than 100%."""
    match = _SHARE.match(text.strip())
    if not match or (match[2] and int(match[1]) > 100):
        raise ValueError(f"{text!r} is neither a number of hosts nor a percentage")
    return Share(int(match[1]), percent=bool(match[2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class FailurePolicy:
    """How many hosts at once, and how many may fail.

    on_failure  `continue`: a failing host does not stop the others; `stop`: the first that fails leaves the rest untouched, and
                without `serial` there is one host after another
    serial      hosts of one round; None is all (or one with `stop`)
    max_failed  how many hosts may fail in all before no further round begins; None is any number (or none with `stop`)
    """

    on_failure: OnFailure = "continue"
    serial: Share | None = None
    max_failed: Share | None = None


@dataclass(frozen=True, slots=True)
class Halt:
    """Why no further round begins."""

    reason: str


def rounds(hosts: Sequence[str], policy: FailurePolicy) -> tuple[tuple[str, ...], ...]:
    """The hosts in their order, in rounds. A percentage that comes to less than a host is one host."""
    if policy.serial:
        size = max(1, policy.serial.of(len(hosts)))
    else:
        size = 1 if policy.on_failure == "stop" and policy.max_failed is None else max(1, len(hosts))
    return tuple(tuple(hosts[begin : begin + size]) for begin in range(0, len(hosts), size))


def halt(failed: int, total: int, policy: FailurePolicy) -> Halt | None:
    """Whether the run goes no further after a round, with so many hosts failed in all."""
    allowed = policy.max_failed.of(total) if policy.max_failed else 0 if policy.on_failure == "stop" else total
    if failed <= allowed:
        return None
    if policy.max_failed is None:
        return Halt("a host failed, and --on-failure stop leaves the rest untouched")
    return Halt(f"{failed} of {total} hosts failed, and --max-failed {policy.max_failed} allows {allowed}")
