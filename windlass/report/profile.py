"""Where the time of a run went."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from windlass.history.ledger import HostBooks
from windlass.report.prose import prose
from windlass.report.tables import table
from windlass.values import human_seconds

SLOWEST = 10


@dataclass(frozen=True, slots=True)
class HostTime:
    """Where one host's share of the run went, in seconds; `elsewhere` is the controller's own work and waiting for other hosts."""

    host: str
    connecting: float
    waiting: float
    working: float
    elsewhere: float


@dataclass(frozen=True, slots=True)
class OperationTime:
    """What one operation took on all hosts together, and on which it took longest."""

    operation: str
    seconds: float
    longest: float
    longest_on: str
    hosts: int


@dataclass(frozen=True, slots=True)
class Profile:
    """A whole run. `processor` are the seconds that the controller itself computed."""

    seconds: float
    processor: float
    hosts: tuple[HostTime, ...]
    operations: tuple[OperationTime, ...]

    def as_object(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def profile_of(hosts: Sequence[HostBooks], seconds: float, processor: float | None = None) -> Profile:
    """Work it out."""
    own = time.process_time() if processor is None else processor
    return Profile(round(seconds, 3), round(own, 3), tuple(_host(host, seconds) for host in hosts), _slowest(hosts))


def _host(host: HostBooks, seconds: float) -> HostTime:
    elsewhere = max(0.0, seconds - host.connecting - host.waiting - host.working)
    return HostTime(host.name, *(round(each, 6) for each in (host.connecting, host.waiting, host.working, elsewhere)))


def _slowest(hosts: Sequence[HostBooks]) -> tuple[OperationTime, ...]:
    """The operations that took longest in sum, the longest first."""
    found: dict[str, list[tuple[float, str]]] = {}
    for host in hosts:
        for entry in (each for each in host.entries if each.status != "skipped"):
            found.setdefault(entry.title, []).append((entry.seconds, host.name))
    times = []
    for title, spent in found.items():
        longest, name = max(spent)
        times.append(OperationTime(title, round(sum(each for each, _name in spent), 6), longest, name, len(spent)))
    return tuple(sorted(times, key=lambda each: -each.seconds)[:SLOWEST])


def render_profile(profile: Profile) -> str:
    """The tables for a person."""
    own = human_seconds(profile.processor)
    head = f"where the time went: {human_seconds(profile.seconds)}, of which the controller computed {own}"
    titles = ("host", "connecting", "waiting", "working", "elsewhere")
    rows = [(each.host, *_times(each.connecting, each.waiting, each.working, each.elsewhere)) for each in profile.hosts]
    if len(rows) > 1:
        sums = [sum(getattr(each, name) for each in profile.hosts) for name in titles[1:]]
        rows.append(("together", *_times(*sums)))
    slowest = ["took longest, on all hosts together:", *map(_operation, profile.operations)] if profile.operations else []
    parts = [head, table(titles, rows) if rows else "", prose(slowest)]
    return "\n\n".join(part for part in parts if part)


def _operation(each: OperationTime) -> str:
    """`7.0 s  package nginx (2 times, 4.0 s of it on web1)`."""
    spread = f" ({each.hosts} times, {human_seconds(each.longest)} of it on {each.longest_on})" if each.hosts > 1 else ""
    return f"{human_seconds(each.seconds):>10}  {each.operation}{spread}"


def _times(*seconds: float) -> tuple[str, ...]:
    return tuple(human_seconds(each) for each in seconds)
