"""The stations that deploy and rollback share: lock and look, gate, switch, settle, and clear up what a broken run left."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from windlass import events
from windlass.errors import FlowFailed, HostError, OperationFailed, WindlassError
from windlass.flows.deployment import frontend, handover, preparation, taking_back
from windlass.flows.deployment.cron_entries import no_cron_entries
from windlass.flows.deployment.stations import Follower, Found, Station, joined, parted, turns
from windlass.flows.deployment.supervision import Action, supervisor_of
from windlass.flows.deployment.truth import Truth, truth_of
from windlass.flows.steps import Timer, all_of, lease_of, refuse_if_held, steps_only, told
from windlass.operations.archive import Archive
from windlass.operations.file import File
from windlass.operations.gate import Drain, Gate, Instance
from windlass.operations.lease import Lease
from windlass.operations.operation import LocalFile, Operation
from windlass.operations.release import Progress, ReleaseState, Switch
from windlass.operations.watch import Watch
from windlass.operations.wire import Batch
from windlass.plans.layout import Layout
from windlass.plans.recovery import Verdict, recovery
from windlass.plans.slots import Held, HostState, States, moment

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.hosts.many.fleet import Fleet
    from windlass.inventory import Application


# Seconds. A socket is found, and counts as used, in one step; a port is chosen by nginx and then called, which may take a moment.
STRAGGLERS = 0.5


@contextmanager
def cutting_over(
    workspace: Workspace, application: Application, action: str, timer: Timer, listener: events.Listener
) -> Iterator[Cutover]:
    """A run on an application's hosts; they are called at once."""
    hosts = [host.name for host in workspace.environment.hosts_of(application.hosts)]
    follower = Follower(timer)
    with workspace.fleet(hosts, follower.hearing(steps_only(listener))) as fleet:
        yield Cutover(workspace, application, fleet, listener, timer, action, workspace.operator, follower)


def _archives(operations: Sequence[Operation]) -> tuple[LocalFile, ...]:
    """What is unpacked into new folders, and so is wanted for sure."""
    return tuple(each.content for each in operations if isinstance(each, Archive) and isinstance(each.content, LocalFile))


@dataclass(frozen=True, slots=True)
class Cutover:
    """One run on all hosts of one application."""

    workspace: Workspace
    application: Application
    fleet: Fleet
    listener: events.Listener
    timer: Timer
    action: str
    operator: str
    follower: Follower | None = None

    @property
    def layout(self) -> Layout:
        return Layout(self.application.name)

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(host.name for host in self.workspace.environment.hosts_of(self.application.hosts))

    def warn(self, text: str) -> None:
        self.listener(events.Note(text, warning=True))

    def each(self, operations: Mapping[str, Iterable[Operation]]) -> dict[str, tuple[Any, ...]]:
        """Run operations on hosts at once; raises if a host fails."""
        secrets = tuple(self.workspace.secrets_of_hosts())
        given = {host: tuple(some) for host, some in operations.items()}
        return all_of(self.fleet.run({host: Batch(some, secrets=secrets, along=_archives(some)) for host, some in given.items()}))

    def go(self, stations: Sequence[Station]) -> Found:
        """Go through these stations in as few turns as may be; raises if a host fails."""
        found: Found = {}
        for turn in turns(stations):
            with self.following(turn):
                results = self.each(joined(turn))
            for step, by_host in parted(turn, results).items():
                found.setdefault(step, {}).update(by_host)
        return found

    def following(self, stations: Sequence[Station]) -> AbstractContextManager[None]:
        """Tell of these stations as the hosts come to them."""
        return (self.follower or Follower(self.timer)).follow(stations)

    def lock_and_look(self, purpose: str) -> dict[str, HostState]:
        """Take the application's lock on every host, then read what is there. Raises RefusedError if somebody holds it."""
        first = self.first_steps(purpose)
        with self.timer.step("lock", self.hosts):
            return self.states_of(first, self.fleet.run_same(self.hosts, first))

    def first_steps(self, purpose: str) -> tuple[Lease, ReleaseState]:
        """What every run begins with on a host: the lock, then a look."""
        what = f"{purpose} --env {self.workspace.environment.name}"  # another one may have the same hosts
        return lease_of(self.application, self.operator, what), ReleaseState(root=self.layout.root)

    def states_of(
        self, first: tuple[Lease, ReleaseState], outcomes: Mapping[str, Sequence[Any] | HostError]
    ) -> dict[str, HostState]:
        """What these said on each host. Raises RefusedError if somebody holds the lock, else if a host failed."""
        refuse_if_held(first[0], outcomes)
        return {host: HostState.of(host, results[1].data) for host, results in all_of(outcomes).items()}

    def look(self) -> dict[str, HostState]:
        """Read what is there, on the hosts that answer. One that was called anew gives the lock anew; whose lock another has by now
        is not asked."""
        outcomes = self.fleet.run_same(self.hosts, self.first_steps(self.action))
        return {
            host: HostState.of(host, results[1].data) for host, results in outcomes.items() if not isinstance(results, HostError)
        }

    def progress(self, step: str, state: HostState, release: str, *, slot: str, warm: bool = False) -> Progress:
        """The entry that is on the host's disk before the step is taken."""
        entry = {
            "action": self.action,
            "step": step,
            "release": release,
            "slot": slot,
            "before": state.live,
            "warm": warm,
            "displaced": "" if warm else state.slots.get(slot, ""),
            "operator": self.operator,
        }
        return Progress(root=self.layout.root, entry=entry)

    def here(self, host: str) -> Application:
        """What of the application runs on a host."""
        return preparation.here(self.workspace.environment, self.application, host)

    def gate(self, step: str, release: str, slots: Mapping[str, str], *, single: bool = False) -> Station:
        """Wait until the slot is fit; a host where it does not get so fails with the application's last words.

        What there is only one of starts when the one before has gone, so it has a gate of its own (`single`), which comes when
        the one before has ended on every host.
        """
        limit, stable = self.application.gate.limit_seconds, self.application.gate.stable_seconds
        found = {
            host: tuple(
                each for each in self.instances(host, release, slot) if handover.is_single(self.application, each) == single
            )
            for host, slot in slots.items()
        }
        gates = {
            host: [Gate(instances=each, limit_seconds=limit, stable_seconds=stable)] if each else [] for host, each in found.items()
        }
        return Station(step, gates, together=single)

    def instances(self, host: str, release: str, slot: str) -> tuple[Instance, ...]:
        """The processes of a release in a slot of a host."""
        return preparation.instances(self.here(host), slot, release)

    def warm_gate(self, release: str, slot: str, limit: float) -> Operation:
        """For a slot that is kept warm: its workers sleep, so only what takes requests is asked."""
        if self.application.static:
            return frontend.gate(self.application, slot, release)
        found = [each for each in preparation.instances(self.application, slot, release) if preparation.is_web(each)]
        return Gate(instances=tuple(found), limit_seconds=limit, stable_seconds=0.0)

    def switch(self, states: States, slots: Mapping[str, str], release: str, *, warm: bool = False) -> list[Station]:
        """Point every host at its slot: one first, and when that has worked all the others."""
        first, *rest = slots
        return [
            self.switch_on([first], states, slots, release, warm=warm),
            self.switch_on(rest, states, slots, release, warm=warm),
        ]

    def switch_on(self, hosts: list[str], states: States, slots: Mapping[str, str], release: str, *, warm: bool = False) -> Station:
        """Point these hosts at their slots, when all hosts are fit."""
        work = {
            host: [
                self.progress("switch", states[host], release, slot=slots[host], warm=warm),
                Switch(root=self.layout.root, slot=slots[host]),
                *self.watch(states[host], release, slots[host], warm=warm),
            ]
            for host in hosts
        }
        return Station("switch", work, together=True)

    def watch(self, state: HostState, release: str, slot: str, *, warm: bool = False, arriving: float = 0.0) -> list[Operation]:
        """What is kept warm has shown before that it serves, and whoever goes back is in a hurry. `arriving`: in so many seconds
        it may get fit first."""
        seconds = self.application.gate.watch_seconds
        if self.application.static and state.live != slot:
            seen = frontend.watch(self.workspace.environment, self.application, slot, release, state.live, warm=warm)
            return [replace(seen, arriving_seconds=arriving)]
        if warm or not seconds or state.live == slot:
            return []
        found = self.instances(state.host, release, slot)
        watch = Watch(root=self.layout.root, instances=found, before=state.live, seconds=seconds)
        return [replace(watch, arriving_seconds=arriving)]

    def drain(self, state: HostState, slot: str) -> list[Operation]:
        """Workers of the old slot stop as soon as the new ones are there; the others only when nobody is connected any more."""
        old = state.live
        if not old or old == slot:
            return []
        operations: list[Operation] = []
        held = self.held(state, old)
        if held.workers:
            operations += self.processes("stop", held, held.workers)
        return [*operations, self.drained(held)]

    def drained(self, held: Held) -> Drain:
        """Nobody is connected any more to a slot that served until a moment ago."""
        quiet = STRAGGLERS if preparation.by_port(self.application) else 0.0
        return Drain(listens=held.listens, limit_seconds=self.application.drain_seconds, quiet_seconds=quiet)

    def held(self, state: HostState, slot: str) -> Held:
        """What was started in a slot."""
        found = state.held.get(slot, Held())
        return found if found != Held() else preparation.held(self.here(state.host), slot)

    def processes(self, action: Action, held: Held, names: tuple[str, ...] = (), *, prefix: str = "") -> tuple[Operation, ...]:
        """An action on processes of a slot, by whatever started them there. A start that is wanted is no restart of a process
        that did not stay up, so those are counted anew."""
        wanted = names if action in ("start", "restart") else ()
        counts = (File(path=f"{run}.starts", absent=True) for run in map(self.layout.run_of_process, wanted))
        return (*counts, *supervisor_of(self.application, held.supervisor).control(action, names, prefix))

    def verdict(self, states: States) -> Verdict | None:
        """What a run that broke off left, and what follows; None where there was none."""
        return recovery(states, missing=set(self.hosts) - set(states))

    def recover(self, states: States, why: str = "", *, watch: bool = True) -> str:
        """Finish or take back what a broken run (this one, or an earlier one) left. Gives the story, empty if there is none.

        watch  take a watch up again that was cut short, before anything is finished: whoever goes back does not wait for that
        """
        verdict = self.verdict(states)
        if verdict is None:
            return ""
        left = {host: each for host, each in verdict.hosts.items() if each.action != "nothing"}
        with self.timer.step("recover", left):
            fallen = self._watched_again(states, verdict.unwatched if watch else ())
            if not fallen and verdict.finishes:
                at = moment(states, time.time())
                self.each({host: taking_back.finished(self, states[host], each, at) for host, each in left.items()})
            elif not fallen:
                self.each({host: taking_back.undone(self, states[host], each, why or verdict.story) for host, each in left.items()})
        return self.recover(fallen) if fallen else verdict.story

    def _watched_again(self, states: States, unwatched: Sequence[str]) -> dict[str, HostState]:
        """See that what serves there stays fit. What is found there if a host has switched back by itself; else nothing."""
        if not unwatched:
            return {}
        try:
            self.each({host: taking_back.watched(self, states[host]) for host in unwatched})
        except (OperationFailed, FlowFailed) as error:
            found = self.look()
            if not any(state.progress.get("went_back") for state in found.values()):
                raise
            self.warn(f"the watch was cut short and has been taken up again: {told(error)}")
            return found
        return {}

    def emptied(self, state: HostState, slot: str) -> list[Operation]:
        """End all that a slot holds."""
        ended = self.processes("delete", self.held(state, slot), prefix=preparation.slot_prefix(self.application, slot))
        return [*ended, File(path=f"{self.layout.slot(slot)}/slot.json", absent=True), no_cron_entries(self.application.name, slot)]

    def made_way(self, state: HostState, slot: str) -> list[Operation]:
        """End what another supervisor runs in a slot that is to be filled; the application's own sees to it itself."""
        return [] if self.held(state, slot).supervisor == self.application.supervisor else self.emptied(state, slot)

    def take_back(self, error: BaseException) -> Truth:
        """After an error: bring every host that answers to one release, and say for each host what is true there now."""
        self.fleet.call_anew()
        states = self.look()
        if self.fleet.call_anew():  # an agent may have given us up after its last word, which is noticed only now
            states = self.look()
        try:
            self.recover(states, told(error))
        except WindlassError as worse:
            self.warn(f"bringing all hosts to one release failed, too: {worse.message}")
        return truth_of(self.hosts, self.look())
