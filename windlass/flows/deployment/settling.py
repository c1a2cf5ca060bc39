"""The end of every run that switches: the old slot drains, and is kept warm or stopped; the host remembers what serves."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from windlass.flows.deployment import containers, frontend
from windlass.flows.deployment.stations import Station
from windlass.flows.deployment.switched import Run, Switched, switched
from windlass.operations.gate import Drain
from windlass.operations.operation import Operation
from windlass.operations.release import Progress, Prune, Record
from windlass.plans.recovery import SETTLE
from windlass.plans.slots import HostState, States, moment, prunable

if TYPE_CHECKING:
    from windlass.flows.deployment.cutover import Cutover


@dataclass(frozen=True, slots=True)
class Settled:
    """What serves from now on, since when, and what becomes of the release before."""

    release: str
    at: float
    retired: str


def complete(cutover: Cutover, stations: Sequence[Station], states: States, run: Run) -> Switched:
    """Go through these stations, which end with the switch, and then settle. With one host all of it is one turn."""
    if len(run.slots) == 1:
        return switched(cutover.go([*stations, *_settle(cutover, states, run)]))
    found = cutover.go(stations)  # the next host has to wait for the others here anyway
    return switched({**found, **cutover.go(_settle(cutover, states, run))})


def _settle(cutover: Cutover, states: States, run: Run) -> list[Station]:
    settled = Settled(run.release, moment(states, time.time()), run.retired)
    drained = {
        host: [
            cutover.progress(SETTLE, states[host], run.release, slot=slot, warm=run.warm),
            *cutover.drain(states[host], slot),
        ]
        for host, slot in run.slots.items()
    }
    tidied = {host: tidy(cutover, states[host], slot, settled, drained[host]) for host, slot in run.slots.items()}
    return [Station("drain", drained, together=True), Station("tidy", tidied)]


def tidy(cutover: Cutover, state: HostState, slot: str, settled: Settled, drained: Sequence[Operation]) -> list[Operation]:
    """What is left to do when the old slot has drained, which is part of the same batch."""
    release, root = settled.release, cutover.layout.root
    old = state.live if state.live != slot else ""
    retired = [Record(root=root, release=state.live_release, values={"state": settled.retired})]
    unpacked = replace(state, releases=tuple({*state.releases, release}))
    return [
        *_of_old_slot(cutover, state, slot, release, drained),
        *(retired if old and state.live_release != release else ()),
        Record(root=root, release=release, values={"state": "live"}, went_live=settled.at),
        Prune(root=root, releases=prunable(unpacked.after(release, slot, settled.at), cutover.application.keep_releases)),
        *((frontend.prune(cutover.application),) if cutover.application.static else ()),
        *containers.clear(cutover.application),
        Progress(root=root),
    ]


def _of_old_slot(cutover: Cutover, state: HostState, slot: str, release: str, drained: Sequence[Operation]) -> list[Operation]:
    """It stays warm, if it is a way back at all: the same release is none."""
    old = state.live if state.live != slot else ""
    if old and (not cutover.application.keep_warm or state.live_release == release):
        return cutover.emptied(state, old)
    drain = tuple(each for each in drained if isinstance(each, Drain))
    lasting = cutover.held(state, old).web if drain else ()
    # Whoever is still connected (a WebSocket, as a rule) comes back and is then served by the new release.
    again = cutover.processes("restart", cutover.held(state, old), lasting) if lasting else ()
    return [*(replace(each, only_after=drain) for each in again), *cutover.processes("save", cutover.held(state, slot))]
