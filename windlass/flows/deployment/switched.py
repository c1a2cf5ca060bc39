"""What a run that switches is to come to, and what it came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from windlass.flows.deployment.stations import Found
from windlass.operations.release import Switch


@dataclass(frozen=True, slots=True)
class Run:
    """What a run is to come to: the release, and for each host the slot that it is to serve from.

    warm     the slot was warm before
    retired  what becomes of the release that served before: `live` stays a way back, `bad` does not
    """

    release: str
    slots: Mapping[str, str]
    warm: bool = False
    retired: str = "live"


@dataclass(frozen=True, slots=True)
class Switched:
    """What switching came to: for each host the milliseconds it took, and the connections that were still open at the drain's
    limit."""

    milliseconds: Mapping[str, float]
    left: Mapping[str, int]


def switched(found: Found) -> Switched:
    """Read from what the stations came to."""
    switches = {
        host: next(each.data for each in results if isinstance(each.operation, Switch)) for host, results in found["switch"].items()
    }
    left = {
        host: next((int(each.data["left"]) for each in results if "left" in each.data), 0)
        for host, results in found["drain"].items()
    }
    return Switched({host: data["milliseconds"] for host, data in switches.items()}, left)
