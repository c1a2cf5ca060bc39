"""What is where: releases, slots, health, and what one can go back to. Looks only, changes nothing, takes no lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from windlass import events
from windlass.errors import HostError
from windlass.flows.deployment import frontend, handover, preparation
from windlass.flows.deployment.slot_rows import Row, rows_of
from windlass.flows.deployment.supervision import supervisor_of
from windlass.flows.steps import all_of, lease_of, lock_of, refuse_if_held
from windlass.operations.file import File
from windlass.operations.gate import Gate, Inspect, Instance
from windlass.operations.operation import Operation
from windlass.operations.pm2 import TailLogs
from windlass.operations.release import ReleaseState
from windlass.operations.wire import Batch
from windlass.plans.cron import log
from windlass.plans.layout import SLOTS, Layout
from windlass.plans.recovery import recovery, under_way
from windlass.plans.slots import Back, Held, HostState, Record, live_releases, records_of, ways_back

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.hosts.agent.results import Result
    from windlass.hosts.many.fleet import Fleet
    from windlass.inventory import Application


SAMPLE = 0.25  # seconds over which a process's share of a core is measured


@dataclass(frozen=True, slots=True)
class ApplicationStatus:
    """An application on all its hosts. `story` is about a run that broke off, empty if none did; `busy` about one that is under
    way; `hints` say what to do about the hosts that are unreachable."""

    application: str
    rows: tuple[Row, ...]
    back: tuple[Back, ...]
    story: str
    agree: bool
    unreachable: Mapping[str, str]
    busy: str = ""
    hints: tuple[str, ...] = ()


def status(workspace: Workspace, application: Application, fleet: Fleet, *, now: float) -> ApplicationStatus:
    """Look at every slot on every host. `now` in seconds since 1970."""
    return statuses(workspace, [application], fleet, now=now)[0]


def statuses(
    workspace: Workspace, applications: Sequence[Application], fleet: Fleet, *, now: float
) -> tuple[ApplicationStatus, ...]:
    """The same for several applications: two turns for each host, however many it has."""
    found = _found(workspace, applications, fleet)
    asked = {host: [each for each in found if host in each.states] for host in fleet.targets}
    looks = {host: [_look(each.application, each.states[host]) for each in some] for host, some in asked.items() if some}
    outcomes = fleet.run({host: Batch(tuple(operations), go_on=True) for host, operations in looks.items()})
    for host, outcome in outcomes.items():
        for place, each in enumerate(asked[host]):
            each.take(host, outcome, place)
    return tuple(each.status(now) for each in found)


def _found(workspace: Workspace, applications: Sequence[Application], fleet: Fleet) -> list[_Found]:
    """What each host says of the releases of all its applications."""
    found = [_Found(each, tuple(host.name for host in workspace.environment.hosts_of(each.hosts))) for each in applications]
    asked = {host: [each for each in found if host in each.hosts] for host in fleet.targets}
    looks = {host: [_state(each.application) for each in some] for host, some in asked.items() if some}
    for host, outcome in fleet.run({host: Batch(tuple(some)) for host, some in looks.items()}).items():
        for place, each in enumerate(asked[host]):
            if isinstance(outcome, HostError):
                each.fail(host, outcome)
            else:
                each.states[host] = HostState.of(host, outcome[place].data)
    return found


def _state(application: Application) -> ReleaseState:
    return ReleaseState(root=Layout(application.name).root, lock=lock_of(application))


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found of an application: what its hosts say, why they do not, and how each slot's processes or files are."""

    application: Application
    hosts: tuple[str, ...]
    states: dict[str, HostState] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    seen: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    hints: dict[str, str] = field(default_factory=dict)

    def fail(self, host: str, error: HostError) -> None:
        """A host says nothing, with what to do about it."""
        self.failed[host], self.hints[host] = error.message, error.hint

    def take(self, host: str, outcome: Sequence[Result] | HostError, place: int) -> None:
        """What a host came to that was asked; about this application at that place."""
        if isinstance(outcome, HostError):
            self.fail(host, outcome)
        elif outcome[place].failed:
            self.failed[host] = outcome[place].message
        else:
            self.seen[host] = outcome[place].data

    def status(self, now: float) -> ApplicationStatus:
        seen = [host for host in self.hosts if host in self.seen]
        rows = [row for host in seen for row in rows_of(self.application, self.states[host], self.seen[host], now)]
        busy = under_way(self.states)
        verdict = None if busy else recovery(self.states, missing=self.failed)
        story, agree = verdict.story if verdict else "", len(live_releases(self.states)) <= 1
        back, hints = ways_back(self.states), tuple(dict.fromkeys(filter(None, self.hints.values())))
        return ApplicationStatus(self.application.name, tuple(rows), back, story, agree, self.failed, busy, hints)


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
        (found,) = _found(workspace, [application], fleet)
    states, failed = found.states, found.failed
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
