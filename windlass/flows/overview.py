"""What is where: releases, slots, health, and what one can go back to. Looks only, changes nothing, takes no lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from windlass import events
from windlass.errors import HostError
from windlass.flows import frontend, handover, preparation
from windlass.flows.steps import all_of, lease_of, refuse_if_held
from windlass.flows.supervision import supervisor_of
from windlass.hosts.fleet import errors_of
from windlass.operations.file import File
from windlass.operations.gate import Gate, Inspect, Instance
from windlass.operations.operation import Operation
from windlass.operations.pm2 import TailLogs
from windlass.operations.release import ReleaseState
from windlass.operations.wire import Batch
from windlass.plans.cron import log
from windlass.plans.layout import SLOTS, Layout
from windlass.plans.recovery import recovery
from windlass.plans.restarts import restarts
from windlass.plans.slots import Back, Held, HostState, Record, live_releases, records_of, ways_back

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.hosts.fleet import Fleet
    from windlass.inventory import Application


SAMPLE = 0.25  # seconds over which a process's share of a core is measured


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


@dataclass(frozen=True, slots=True)
class ApplicationStatus:
    """An application on all its hosts. `story` is about a run that broke off, empty if none did."""

    application: str
    rows: tuple[Row, ...]
    back: tuple[Back, ...]
    story: str
    agree: bool
    unreachable: Mapping[str, str]


def status(workspace: Workspace, application: Application, fleet: Fleet, *, now: float) -> ApplicationStatus:
    """Look at every slot on every host. `now` in seconds since 1970."""
    states, failed = _states(workspace, application, fleet)
    looks = {host: Batch((_look(application, state),)) for host, state in states.items()}
    found = fleet.run(looks)
    rows: list[Row] = []
    for host, outcome in found.items():
        if isinstance(outcome, HostError):
            failed[host] = outcome.message
            continue
        rows += _rows(application, states[host], outcome[0].data, now)
    verdict = recovery(states, missing=failed)
    story = verdict.story if verdict else ""
    return ApplicationStatus(application.name, tuple(rows), ways_back(states), story, len(live_releases(states)) <= 1, failed)


def _states(workspace: Workspace, application: Application, fleet: Fleet) -> tuple[dict[str, HostState], dict[str, str]]:
    hosts = [host.name for host in workspace.environment.hosts_of(application.hosts) if host.name in fleet.targets]
    outcomes = fleet.run_same(hosts, (ReleaseState(root=Layout(application.name).root),))
    failed = {host: error.message for host, error in errors_of(outcomes).items()}
    states = {host: HostState.of(host, results[0].data) for host, results in outcomes.items() if not isinstance(results, HostError)}
    return states, failed


def _look(application: Application, state: HostState) -> Operation:
    if application.static:
        return frontend.look(application, state.slots)
    return Inspect(instances=_all_instances(application, state), sample_seconds=SAMPLE)


def _all_instances(application: Application, state: HostState) -> tuple[Instance, ...]:
    """The instances of both slots, named `slot/instance`."""
    return tuple(
        replace(instance, name=f"{slot}/{instance.name}")
        for slot in sorted(state.slots)
        for instance in handover.started(application, state, slot)
    )


def _rows(application: Application, state: HostState, seen: Mapping[str, Mapping[str, Any]], now: float) -> list[Row]:
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


@dataclass(frozen=True, slots=True)
class Releases:
    """All releases that are remembered, newest first; where each serves, and which are a way back."""

    application: str
    records: tuple[Record, ...]
    serving: Mapping[str, tuple[str, ...]]
    present: Mapping[str, tuple[str, ...]]
    back: tuple[Back, ...]


def releases(workspace: Workspace, application: Application, *, listener: events.Listener = events.nobody) -> Releases:
    """The releases of an application. Raises the error of a host that does not answer."""
    hosts = [host.name for host in workspace.environment.hosts_of(application.hosts)]
    with workspace.fleet(hosts, listener) as fleet:
        states, failed = _states(workspace, application, fleet)
    for host, message in failed.items():
        listener(events.Note(message, host=host, warning=True))
    records = records_of(states)
    serving = {
        each.release: tuple(host for host, state in states.items() if state.live_release == each.release) for each in records
    }
    present = {each.release: tuple(host for host, state in states.items() if each.release in state.releases) for each in records}
    return Releases(application.name, records, serving, present, ways_back(states))


def processes(application: Application, fleet: Fleet) -> dict[str, list[dict[str, Any]] | HostError]:
    """What the supervisor runs for an application, on each of the fleet's hosts."""
    outcomes = fleet.run_same(fleet.targets, (supervisor_of(application).listing(),))
    listed: dict[str, list[dict[str, Any]] | HostError] = {}
    for host, outcome in outcomes.items():
        listed[host] = outcome if isinstance(outcome, HostError) else list(outcome[0].data["processes"])
    return listed


def restart(
    application: Application, fleet: Fleet, process: str, *, gate_seconds: float, operator: str
) -> dict[str, tuple[str, ...]]:
    """Restart the processes of the live slot, one after the other, host after host, each fit before the next one goes.

    Raises RefusedError if a run holds the application's lock, else the first host's error; what comes after it is then untouched.
    """
    layout = Layout(application.name)
    restarted: dict[str, tuple[str, ...]] = {}
    for host in fleet.targets:
        state = _locked(application, fleet, host, operator)
        chosen = [
            each
            for each in handover.started(application, state, state.live)
            if state.live and process in ("", each.name.rpartition("-")[0])
        ]
        steps = [step for each in chosen for step in _restart(application, state, each, gate_seconds)]
        if steps:
            all_of(fleet.run_same([host], steps))
        restarted[host] = tuple(layout.process_name(state.live, each.name) for each in chosen)
    return restarted


def _locked(application: Application, fleet: Fleet, host: str, operator: str) -> HostState:
    """A host's state, and nobody else changes it from now on."""
    lease = lease_of(application, operator, f"restart {application.name}")
    outcomes = fleet.run_same([host], (lease, ReleaseState(root=Layout(application.name).root)))
    refuse_if_held(lease, outcomes)
    return HostState.of(host, all_of(outcomes)[host][1].data)


def _restart(application: Application, state: HostState, instance: Instance, gate_seconds: float) -> list[Operation]:
    """One process; its earlier starts are not held against it."""
    name = Layout(application.name).process_name(state.live, instance.name)
    held = state.held.get(state.live, Held(supervisor=application.supervisor))
    return [
        File(path=f"{instance.run}.starts", absent=True),
        *supervisor_of(application, held.supervisor).control("restart", (name,)),
        Gate(instances=(instance,), limit_seconds=gate_seconds, stable_seconds=application.gate.stable_seconds),
    ]


def logs(application: Application, fleet: Fleet, *, lines: int, process: str = "") -> dict[str, dict[str, list[str]] | HostError]:
    """The last lines of every process's log in both slots, for each host, by `slot-instance`."""
    layout = Layout(application.name)
    paths = {
        layout.log(slot, each.name): f"{slot}-{each.name}"
        for slot in SLOTS
        for each in preparation.instances(application, slot, "")
        if process in ("", each.name.rpartition("-")[0])
    }
    paths |= {log(layout, name): f"cron-{name}" for name in application.cron if process in ("", f"cron-{name}")}
    outcomes = fleet.run_same(fleet.targets, (TailLogs(paths=tuple(paths), lines=lines),))
    found: dict[str, dict[str, list[str]] | HostError] = {}
    for host, outcome in outcomes.items():
        if isinstance(outcome, HostError):
            found[host] = outcome
        else:
            found[host] = {paths[path]: text for path, text in outcome[0].data["lines"].items() if text}
    return found
