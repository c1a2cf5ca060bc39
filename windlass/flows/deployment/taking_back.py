"""What is asked of a host to finish a run that broke off, or to take it back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from windlass.errors import WindlassError
from windlass.flows.deployment import containers, handover, preparation, settling
from windlass.flows.deployment.preparation import Deployment
from windlass.flows.deployment.settling import Settled
from windlass.flows.deployment.supervision import supervisor_of
from windlass.operations.link import Link
from windlass.operations.operation import Operation
from windlass.operations.release import Progress, Record, Switch
from windlass.plans.recovery import Recovery
from windlass.plans.slots import HostState

if TYPE_CHECKING:
    from windlass.flows.deployment.cutover import Cutover


def finished(cutover: Cutover, state: HostState, found: Recovery, at: float) -> list[Operation]:
    """What the broken run would still have done. nginx may not have been told of the switch; telling it twice does no harm."""
    old = replace(state, live=str(state.progress.get("before", "")))
    retired = "bad" if state.progress.get("action") == "rollback" else "live"
    drained = cutover.drain(old, found.slot)
    return [
        Switch(root=cutover.layout.root, slot=found.slot),
        *supervisor_of(cutover.application).ready(),
        *(handover.relieve(cutover, old, found.slot) if found.warm else ()),
        *drained,
        *settling.tidy(cutover, old, found.slot, Settled(found.release, at, retired), drained),
    ]


def watched(cutover: Cutover, state: HostState) -> list[Operation]:
    """The watch of what serves, taken up again on a host that may have booted since."""
    before, release = replace(state, live=str(state.progress.get("before", ""))), state.live_release
    return [
        Switch(root=cutover.layout.root, slot=state.live),
        *supervisor_of(cutover.application).ready(),
        *cutover.watch(before, release, state.live, arriving=cutover.application.gate.limit_seconds),
    ]


def undone(cutover: Cutover, state: HostState, found: Recovery, why: str) -> list[Operation]:
    """Back to the release before: the switch first, for everything else can wait."""
    operations: list[Operation] = []
    failed = str(state.progress.get("slot", ""))
    if found.action == "revert":
        operations.append(_return(cutover, found.slot))
    if found.action != "forget":
        operations += supervisor_of(cutover.application).ready()
        operations += handover.bring_back(cutover, state, failed)
    if not found.warm and found.action != "forget" and state.slots.get(failed) == found.release:
        # It may have served for a moment, and somebody may still be connected to it.
        operations.append(cutover.drained(cutover.held(state, failed)))
        operations += _clear(cutover, state, failed)
    if found.release and state.progress.get("action") == "deploy":
        operations.append(Record(root=cutover.layout.root, release=found.release, values={"state": "failed", "why": why}))
    return [*operations, *containers.clear(cutover.application), Progress(root=cutover.layout.root)]


def _return(cutover: Cutover, slot: str) -> Operation:
    """Switch back. Before the first release there was no slot."""
    if not slot:
        return Link(path=cutover.layout.live, absent=True)
    return Switch(root=cutover.layout.root, slot=slot)


def _clear(cutover: Cutover, state: HostState, slot: str) -> list[Operation]:
    """Empty a slot of what failed there. The release that was kept warm in it comes back, so that a rollback stays quick."""
    displaced = str(state.progress.get("displaced", ""))
    if not cutover.application.keep_warm or displaced not in state.releases:
        return cutover.emptied(state, slot)
    try:
        again = preparation.start(Deployment(cutover.workspace, cutover.application, state.host, displaced), slot)
    except WindlassError as error:  # a template that can no longer be filled must not keep the switch from going back
        cutover.warn(f"{displaced} is not kept warm on {state.host}: {error.message}")
        return cutover.emptied(state, slot)
    now = preparation.held(cutover.here(state.host), slot)
    return [*cutover.made_way(state, slot), *again, *cutover.processes("stop", now, now.workers)]
