"""What a scan found, against what was compiled: in both directions, each difference with its reason."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from windlass.plans.firewall import ANYWHERE, Opening

Kind = Literal["open", "closed"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at one address of a host came to.

    viewer   the host that looked; empty is the controller, from outside
    source   the address that it came from
    """

    host: str
    address: str
    viewer: str
    source: str
    open: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A port that is `open` although nothing asked for that, or `closed` (or nobody listens) although something did.

    A port where somebody listens only `at_times` is never found closed.
    """

    host: str
    address: str
    viewer: str
    port: int
    kind: Kind
    reason: str


def differences(compiled: Sequence[Opening], seen: Iterable[Seen]) -> tuple[Difference, ...]:
    """Compare what was compiled for a host, as far as it was tried, with all looks at it, TCP only."""
    return tuple(difference for each in seen for difference in _of_one(compiled, each))


def expected(compiled: Sequence[Opening], source: str) -> dict[int, str]:
    """The TCP ports that are open to an address, each with its reason."""
    return {each.port: each.reason for each in compiled if each.protocol == "tcp" and _lets_in(each, source)}


def _of_one(compiled: Sequence[Opening], seen: Seen) -> Iterator[Difference]:
    wanted = expected(compiled, seen.source)
    for port in sorted(set(seen.open) - set(wanted)):
        yield Difference(seen.host, seen.address, seen.viewer, port, "open", _why_not(compiled, port))
    now_and_then = {each.port for each in compiled if each.at_times}
    for port in sorted(set(wanted) - set(seen.open) - now_and_then):
        yield Difference(seen.host, seen.address, seen.viewer, port, "closed", f"compiled for {wanted[port]}")


def _why_not(compiled: Sequence[Opening], port: int) -> str:
    others = [f"{each.reason} ({', '.join(each.sources)})" for each in compiled if each.protocol == "tcp" and each.port == port]
    return f"compiled for others only: {'; '.join(others)}" if others else "nothing in the inventory asks for it"


def _lets_in(opening: Opening, source: str) -> bool:
    if opening.sources == ANYWHERE:
        return True
    address = ipaddress.ip_address(source)
    return any(address in ipaddress.ip_network(each) for each in opening.sources)
