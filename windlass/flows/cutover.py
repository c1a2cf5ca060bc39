"""The stations that deploy and rollback share: lock and look, gate, switch, settle, and clear up what a broken run left."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from windlass import events
from windlass.errors import HostError, WindlassError
from windlass.flows import frontend, handover, preparation
from windlass.flows.cron_entries import no_cron_entries
from windlass.flows.preparation import Deployment
from windlass.flows.steps import Timer, all_of, lease_of, refuse_if_held, told
from windlass.flows.supervision import Action, supervisor_of
from windlass.flows.truth import Truth, truth_of
from windlass.operations.file import File
from windlass.operations.gate import Drain, Gate, Instance
from windlass.operations.link import Link
from windlass.operations.operation import Operation
from windlass.operations.release import Progress, Prune, Record, ReleaseState, Switch
from windlass.operations.watch import Watch
from windlass.operations.wire import Batch
from windlass.plans.layout import Layout
from windlass.plans.recovery import SETTLE, Recovery, recovery
from windlass.plans.slots import Held, HostState, States, moment, prunable

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.hosts.fleet import Fleet
    from windlass.inventory import Application


@dataclass(frozen=True, slots=True)
class Switched:
    """What switching came to: for each host the slot that was live before, and the milliseconds it took there."""

    before: Mapping[str, str]
    milliseconds: Mapping[str, float]


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
        return all_of(self.fleet.run({host: Batch(tuple(some), secrets=secrets) for host, some in operations.items()}))

    def lock_and_look(self, purpose: str) -> dict[str, HostState]:
        """Take the application's lock on every host, then read what is there. Raises RefusedError if somebody holds it."""
        lease = lease_of(self.application, self.operator, purpose)
        with self.timer.step("lock", self.hosts):
            outcomes = self.fleet.run_same(self.hosts, (lease, ReleaseState(root=self.layout.root)))
        refuse_if_held(lease, outcomes)
        return {host: HostState.of(host, results[1].data) for host, results in all_of(outcomes).items()}

    def look(self) -> dict[str, HostState]:
        """Read what is there, on the hosts that answer."""
        outcomes = self.fleet.run_same(self.hosts, (ReleaseState(root=self.layout.root),))
        return {
            host: HostState.of(host, results[0].data) for host, results in outcomes.items() if not isinstance(results, HostError)
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

    def gate(self, release: str, slots: Mapping[str, str], *, single: bool = False) -> None:
        """Wait on every host until the slot is fit. Raises OperationFailed with the application's last words.

        What there is only one of starts when the one before has gone, so it has a gate of its own (`single`).
        """
        found = {host: self.instances(host, release, slot) for host, slot in slots.items()}
        limit, stable = self.application.gate.limit_seconds, self.application.gate.stable_seconds
        self.each(
            {
                host: [Gate(instances=chosen, limit_seconds=limit, stable_seconds=stable)]
                for host, each in found.items()
                if (chosen := tuple(one for one in each if handover.is_single(self.application, one) == single))
            }
        )

    def instances(self, host: str, release: str, slot: str) -> tuple[Instance, ...]:
        """The processes of a release in a slot of a host."""
        return preparation.instances(self.here(host), slot, release)

    def warm_gate(self, release: str, slot: str, limit: float) -> Operation:
        """For a slot that is kept warm: its workers sleep, so only what takes requests is asked."""
        if self.application.static:
            return frontend.gate(self.application, slot, release)
        found = [each for each in preparation.instances(self.application, slot, release) if preparation.is_web(each)]
        return Gate(instances=tuple(found), limit_seconds=limit, stable_seconds=0.0)

    def switch(self, states: States, slots: Mapping[str, str], release: str, *, warm: bool = False) -> Switched:
        """Point every host at its slot: one first, and when that has worked all the others."""
        first, *rest = slots
        results = self._switch_on([first], states, slots, release, warm=warm)
        results |= self._switch_on(rest, states, slots, release, warm=warm)
        return Switched(
            {host: data["before"] for host, data in results.items()}, {host: data["milliseconds"] for host, data in results.items()}
        )

    def _switch_on(
        self, hosts: list[str], states: States, slots: Mapping[str, str], release: str, *, warm: bool
    ) -> dict[str, dict[str, Any]]:
        reload = preparation.reloads(self.application)
        done = self.each(
            {
                host: [
                    self.progress("switch", states[host], release, slot=slots[host], warm=warm),
                    Switch(root=self.layout.root, slot=slots[host], reload=reload),
                    *self._watch(states[host], release, slots[host], warm=warm),
                ]
                for host in hosts
            }
        )
        return {host: results[1].data for host, results in done.items()}

    def _watch(self, state: HostState, release: str, slot: str, *, warm: bool) -> list[Operation]:
        """What is kept warm has shown before that it serves, and whoever goes back is in a hurry."""
        seconds = self.application.gate.watch_seconds
        if self.application.static and state.live != slot:
            return [frontend.watch(self.workspace.environment, self.application, slot, release, state.live, warm=warm)]
        if warm or not seconds or state.live == slot:
            return []
        found, reload = self.instances(state.host, release, slot), preparation.reloads(self.application)
        return [Watch(root=self.layout.root, instances=found, before=state.live, seconds=seconds, reload=reload)]

    def settle(
        self, states: States, slots: Mapping[str, str], release: str, *, warm: bool = False, retired: str = "live"
    ) -> dict[str, int]:
        """After the switch: let the old slot drain, keep it warm or stop it, remember what serves now, prune, end the run.

        `retired` is what becomes of the release that served before: `live` stays a way back, `bad` does not.
        Gives the connections that were still open at the limit, for each host.
        """
        passed = {host: self.progress(SETTLE, states[host], release, slot=slots[host], warm=warm) for host in slots}
        with self.timer.step("drain", slots):
            drained = self.each({host: [passed[host], *self._drain(states[host], slots[host])] for host in slots})
        left = {
            host: next((int(result.data["left"]) for result in results if "left" in result.data), 0)
            for host, results in drained.items()
        }
        at = moment(states, time.time())
        with self.timer.step("tidy", slots):
            self.each({host: self._tidy(states[host], slots[host], (release, at), left[host], retired) for host in slots})
        return left

    def _drain(self, state: HostState, slot: str) -> list[Operation]:
        """Workers of the old slot stop as soon as the new ones are there; the others only when nobody is connected any more."""
        old = state.live
        if not old or old == slot:
            return []
        operations: list[Operation] = []
        held = self.held(state, old)
        if held.workers:
            operations += self.processes("stop", held, held.workers)
        return [*operations, Drain(listens=held.listens, limit_seconds=self.application.drain_seconds)]

    def held(self, state: HostState, slot: str) -> Held:
        """What was started in a slot."""
        found = state.held.get(slot, Held())
        return found if found != Held() else preparation.held(self.here(state.host), slot)

    def _tidy(self, state: HostState, slot: str, serves: tuple[str, float], left: int, retired: str) -> list[Operation]:
        """`serves`: the release, and since when."""
        release, at = serves
        old = state.live if state.live != slot else ""
        operations: list[Operation] = []
        if old and (not self.application.keep_warm or state.live_release == release):  # the same release is no way back
            operations += self.emptied(state, old)
        elif old and left:
            # Whoever is still connected (a WebSocket, as a rule) comes back and is then served by the new release.
            held = self.held(state, old)
            operations += self.processes("restart", held, held.web)
        else:
            operations += self.processes("save", self.held(state, slot))
        if old and state.live_release != release:
            operations.append(Record(root=self.layout.root, release=state.live_release, values={"state": retired}))
        unpacked = replace(state, releases=tuple({*state.releases, release}))
        return [
            *operations,
            Record(root=self.layout.root, release=release, values={"state": "live", "live_at": at}),
            Prune(root=self.layout.root, releases=prunable(unpacked.after(release, slot, at), self.application.keep_releases)),
            *((frontend.prune(self.application),) if self.application.static else ()),
            Progress(root=self.layout.root),
        ]

    def processes(self, action: Action, held: Held, names: tuple[str, ...] = (), *, prefix: str = "") -> tuple[Operation, ...]:
        """An action on processes of a slot, by whatever started them there."""
        return supervisor_of(self.application, held.supervisor).control(action, names, prefix)

    def recover(self, states: States, why: str = "") -> str:
        """Finish or take back what a broken run (this one, or an earlier one) left. Gives the story, empty if there is none."""
        verdict = recovery(states, missing=set(self.hosts) - set(states))
        if verdict is None:
            return ""
        left = {host: each for host, each in verdict.hosts.items() if each.action != "nothing"}
        with self.timer.step("recover", left):
            if verdict.finishes:
                at = moment(states, time.time())
                self.each({host: self._finish(states[host], each, at) for host, each in left.items()})
            else:
                self.each({host: self._undo(states[host], each, why or verdict.story) for host, each in left.items()})
        return verdict.story

    def _finish(self, state: HostState, found: Recovery, at: float) -> list[Operation]:
        """What the broken run would still have done. nginx may not have been told of the switch; telling it twice does no harm."""
        old = replace(state, live=str(state.progress.get("before", "")))
        retired = "bad" if state.progress.get("action") == "rollback" else "live"
        return [
            Switch(root=self.layout.root, slot=found.slot, reload=preparation.reloads(self.application)),
            *(handover.relieve(self, old, found.slot) if found.warm else ()),
            *self._drain(old, found.slot),
            *self._tidy(old, found.slot, (found.release, at), 0, retired),
        ]

    def _undo(self, state: HostState, found: Recovery, why: str) -> list[Operation]:
        """Back to the release before: the switch first, for everything else can wait."""
        operations: list[Operation] = []
        failed = str(state.progress.get("slot", ""))
        if found.action == "revert":
            operations.append(self._return(found.slot))
        if found.action != "forget":
            operations += handover.bring_back(self, state, failed)
        if not found.warm and found.action != "forget" and state.slots.get(failed) == found.release:
            # It may have served for a moment, and somebody may still be connected to it.
            operations.append(Drain(listens=self.held(state, failed).listens, limit_seconds=self.application.drain_seconds))
            operations += self._clear(state, failed)
        if found.release and state.progress.get("action") == "deploy":
            operations.append(Record(root=self.layout.root, release=found.release, values={"state": "failed", "why": why}))
        return [*operations, Progress(root=self.layout.root)]

    def _return(self, slot: str) -> Operation:
        """Switch back. Before the first release there was no slot."""
        if not slot:
            return Link(path=self.layout.live, absent=True)
        return Switch(root=self.layout.root, slot=slot, reload=preparation.reloads(self.application))

    def _clear(self, state: HostState, slot: str) -> list[Operation]:
        """Empty a slot of what failed there. The release that was kept warm in it comes back, so that a rollback stays quick."""
        displaced = str(state.progress.get("displaced", ""))
        if not self.application.keep_warm or displaced not in state.releases:
            return self.emptied(state, slot)
        try:
            again = preparation.start(Deployment(self.workspace, self.application, state.host, displaced), slot)
        except WindlassError as error:  # a template that can no longer be filled must not keep the switch from going back
            self.warn(f"{displaced} is not kept warm on {state.host}: {error.message}")
            return self.emptied(state, slot)
        now = preparation.held(self.here(state.host), slot)
        return [*self.made_way(state, slot), *again, *self.processes("stop", now, now.workers)]

    def emptied(self, state: HostState, slot: str) -> list[Operation]:
        """End all that a slot holds."""
        ended = self.processes("delete", self.held(state, slot), prefix=preparation.slot_prefix(self.application, slot))
        return [*ended, File(path=f"{self.layout.slot(slot)}/slot.json", absent=True), no_cron_entries(self.application.name, slot)]

    def made_way(self, state: HostState, slot: str) -> list[Operation]:
        """End what another supervisor runs in a slot that is to be filled; the application's own sees to it itself."""
        return [] if self.held(state, slot).supervisor == self.application.supervisor else self.emptied(state, slot)

    def take_back(self, error: BaseException) -> Truth:
        """After an error: bring every host that answers to one release, and say for each host what is true there now."""
        states = self.look()
        try:
            self.recover(states, told(error))
        except WindlassError as worse:
            self.warn(f"taking it back failed too: {worse.message}")
        return truth_of(self.hosts, self.look())
