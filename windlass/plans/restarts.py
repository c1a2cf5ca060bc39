"""How often a process began again that nobody had asked to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from windlass.plans.slots import States


def restarts(starts: int, up: float, live: float) -> int:
    """How often since its release went live: of that many starts, by a process that has been up for `up` seconds (0: it is down),
    of a release that went live `live` seconds ago (0: nobody knows).

    Starts are counted from the last time that somebody wanted one. The first of them was before the switch, so where the last one
    was as well, none of the others is held against it: the gate has seen them.
    """
    return max(0, starts - 1) if live and up < live else 0


def restless(states: States, seen: Mapping[str, Mapping[str, Any]], now: float) -> list[str]:
    """Which processes of the releases that serve do not stay up, and how often they began again: `app1 web-0 3 times`.

    seen  for each host what Inspect found of each instance; nothing of it for files, which no process serves
    """
    found = []
    for host, instances in seen.items():
        since = states[host].records[states[host].live_release].live_at
        for name, data in instances.items():
            again = restarts(data.get("starts", 0), data.get("uptime", 0.0), now - since if since else 0.0)
            if again:
                found.append(f"{host} {name} {'once' if again == 1 else f'{again} times'}")
    return found
