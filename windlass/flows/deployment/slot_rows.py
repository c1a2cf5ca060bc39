"""One slot of an application on a host, as a person wants to see it: worked out of what the host said of its processes or files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from windlass.plans.layout import SLOTS
from windlass.plans.restarts import restarts
from windlass.plans.slots import HostState

if TYPE_CHECKING:
    from windlass.inventory import Application


@dataclass(frozen=True, slots=True)
class InstanceSeen:
    """One process of a slot. `uptime` in seconds, `memory` and its limit in bytes (0: no limit), `cpu` in percent of one core.

    `restarts` since its release went live, which nobody had asked for: it crashed, or needed more memory than it may.
    """

    name: str
    pid: int
    running: bool
    uptime: float
    starts: int
    memory: int
    memory_limit: int
    cpu: float
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One slot of an application on a host. `age` in seconds since it went live, `memory` in bytes, `cpu` in percent of a core."""

    host: str
    slot: str
    release: str
    live: bool
    age: float
    healthy: bool
    why: str
    memory: int
    cpu: float
    connections: int
    processes: str
    instances: tuple[InstanceSeen, ...] = ()


def rows_of(application: Application, state: HostState, seen: Mapping[str, Mapping[str, Any]], now: float) -> list[Row]:
    """A row for each slot that holds a release. `seen`: what was found of each process, by `slot/name`; `now` since 1970."""
    rows = []
    for slot in SLOTS:
        if slot not in state.slots:
            continue
        release = state.slots[slot]
        live = slot == state.live
        mine = {name.partition("/")[2]: data for name, data in seen.items() if name.startswith(f"{slot}/")}
        own = application.processes
        web = {name: data for name, data in mine.items() if application.static or own[name.rpartition("-")[0]].listen != "none"}
        asked = mine if live else web  # the workers of a slot that is kept warm sleep on purpose
        sick = {name: data["why"] for name, data in asked.items() if not data["healthy"]}
        since = state.records[release].live_at if release in state.records else 0.0
        age = max(0.0, now - since) if since else 0.0
        rows.append(
            Row(
                host=state.host,
                slot=slot,
                release=release,
                live=live,
                age=age,
                healthy=not sick,
                why="; ".join(f"{name}: {why}" for name, why in sick.items()),
                memory=sum(int(data["memory"]) for data in mine.values()),
                cpu=round(sum(float(data.get("cpu", 0.0)) for data in mine.values()), 1),
                connections=sum(int(data["connections"]) for data in mine.values()),
                processes=f"{sum(1 for data in mine.values() if data['running'])}/{len(mine)}",
                instances=tuple(
                    _instance_seen(application, name, data, age if live else 0.0)
                    for name, data in mine.items()
                    if not application.static
                ),
            )
        )
    return rows


def _instance_seen(application: Application, name: str, data: Mapping[str, Any], age: float) -> InstanceSeen:
    """`age` of the release while it serves, in seconds; 0 where it does not."""
    measured = {key: data[key] for key in ("pid", "running", "uptime", "starts", "memory", "cpu")}
    limit = application.processes[name.rpartition("-")[0]].memory_bytes
    again = restarts(data["starts"], data["uptime"], age)
    return InstanceSeen(name=name, memory_limit=limit, restarts=again, **measured)
