"""How the workers of one release give way to those of the next, each as its `handover` says, and how they come back.

overlap  the new ones begin with the release and are proven by the gate; the old ones end when every host has switched
drain    the old ones finish what they have before the migration; the new ones begin with the release
single   the new one begins with the release too, and waits at a lock that the old one holds; the old one ends when the gate
         has found everything else fit, right before the switch
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from windlass.flows.deployment import preparation
from windlass.flows.deployment.stations import Station
from windlass.flows.deployment.supervision import Action
from windlass.operations.gate import Instance
from windlass.operations.operation import Operation
from windlass.plans.handover import before_migration, may_overlap, not_beside_others
from windlass.plans.slots import Held, HostState, States

if TYPE_CHECKING:
    from windlass.flows.deployment.cutover import Cutover
    from windlass.inventory import Application


def is_single(application: Application, instance: Instance) -> bool:
    """Whether there is never more than one of it."""
    return application.processes[instance.name.rpartition("-")[0]].handover == "single"


def started(application: Application, state: HostState, slot: str) -> tuple[Instance, ...]:
    """The instances that were started in a slot of a host, of those that the inventory still knows."""
    held, prefix = state.held.get(slot, Held()), preparation.slot_prefix(application, slot)
    names = {name.removeprefix(prefix) for name in (*held.web, *held.workers)}
    found = preparation.instances(application, slot, state.slots.get(slot, ""))
    return tuple(each for each in found if each.name in names) if names else found


def quiet(cutover: Cutover, states: States, slots: Mapping[str, str], release: str) -> Station:
    """Have the workers that must not work beside a migration, or beside their successors, finish what they have."""
    wanted = {name: process.handover for name, process in cutover.application.processes.items()}
    leaving = {
        host: before_migration(cutover.held(state, state.live), wanted, preparation.slot_prefix(cutover.application, state.live))
        for host, state in states.items()
        if state.live
    }
    return _stop(cutover, "quiet", states, slots, release, {host: names for host, names in leaving.items() if names})


def take_over(cutover: Cutover, states: States, slots: Mapping[str, str], release: str) -> list[Station]:
    """Everything else is fit: end what there may be only one of, and wait until its successors are fit. Until then they wait
    at their locks. First they end on every host, then the others begin: the host of a single process may have changed."""
    old = {host: names for host, state in states.items() if state.live and (names := cutover.held(state, state.live).single)}
    stops = _stop(cutover, "take over", states, slots, release, old)
    return [stops, cutover.gate("take over", release, slots, single=True)]


def _stop(
    cutover: Cutover, step: str, states: States, slots: Mapping[str, str], release: str, leaving: Mapping[str, tuple[str, ...]]
) -> Station:
    """Announced before it is done: if the run breaks off, they are brought back. No host has them stop in vain because another one
    was not as far."""
    work = {
        host: [
            cutover.progress(step, states[host], release, slot=slots[host]),
            *cutover.processes("stop", cutover.held(states[host], states[host].live), names),
        ]
        for host, names in leaving.items()
    }
    return Station(step, work, together=True)


def relieve(cutover: Cutover, state: HostState, slot: str) -> list[Operation]:
    """After a switch to a slot that was kept warm: its workers slept; what must not overlap begins when the others have ended."""
    held, left = cutover.held(state, slot), cutover.held(state, state.live) if state.live not in ("", slot) else Held()
    return [
        *_asked(cutover, "start", held, may_overlap(held)),
        *_asked(cutover, "stop", left, not_beside_others(left)),
        *_asked(cutover, "start", held, not_beside_others(held)),
    ]


def bring_back(cutover: Cutover, state: HostState, failed: str) -> list[Operation]:
    """When a run is taken back: the workers in the slot that failed end, and those of the release before work again."""
    before = str(state.progress.get("before", ""))
    new, old = cutover.held(state, failed), cutover.held(state, before) if before else Held()
    return [*_asked(cutover, "stop", new, new.workers), *_asked(cutover, "start", old, old.workers)]


def _asked(cutover: Cutover, action: Action, held: Held, names: tuple[str, ...]) -> tuple[Operation, ...]:
    return cutover.processes(action, held, names) if names else ()
