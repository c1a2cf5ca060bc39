"""Back to a release that served before: by the switch alone where it is warm, by the deploy's own stations where it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from windlass import events
from windlass.errors import FlowFailed, OperationFailed, UsageError, WindlassError
from windlass.flows.deployment import handover
from windlass.flows.deployment.coming import images_in, start_in
from windlass.flows.deployment.cutover import Cutover, cutting_over
from windlass.flows.deployment.preparation import Deployment
from windlass.flows.deployment.settling import complete
from windlass.flows.deployment.stations import Station
from windlass.flows.deployment.switched import Run, Switched
from windlass.flows.steps import Timer, told
from windlass.plans.recovery import Verdict
from windlass.plans.slots import Back, Between, States, between, is_warm, live_releases, resolve_release, ways_back

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Application

WARM_LIMIT = 3.0  # seconds a warm slot has to answer before it is started anew


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What a rollback came to.

    between         what lies between the releases besides code; migrations are not undone
    undone          the release of a deploy that had broken off, where taking it back was all that was to be done
    switched_after  seconds from the start of this process to the last host's switch
    """

    application: str
    release: str
    before: str
    warm: bool
    between: Between
    seconds: Mapping[str, float] = field(default_factory=dict)
    switch_milliseconds: Mapping[str, float] = field(default_factory=dict)
    round_trips: Mapping[str, int] = field(default_factory=dict)
    switched_after: float = 0.0
    story: str = ""
    undone: str = ""


def rollback(
    workspace: Workspace, application: Application, wanted: str = "", *, listener: events.Listener = events.nobody
) -> RolledBack:
    """Go back to `wanted`, or without it to the release that served before and was not bad. Raises UsageError if there is none.

    A deploy that broke off is taken back first. Without `wanted` that is all: to go back once more would be one release too far.
    """
    timer = Timer(listener)
    with cutting_over(workspace, application, "rollback", timer, listener) as cutover:
        states = cutover.lock_and_look(f"rollback {application.name} {wanted}".rstrip())
        verdict = cutover.verdict(states)
        story = cutover.recover(states, watch=False)
        if story:
            cutover.warn(story)
            states = cutover.look()
        if verdict and verdict.undoes_a_deploy and not wanted and live_releases(states):
            return _taken_back(application, states, verdict, timer)
        back = target(states, wanted)
        serving = sorted(live_releases(states))
        try:
            warm, switched = _go_back(cutover, states, back)
        except (WindlassError, KeyboardInterrupt) as error:
            raise _not_gone_back(cutover, error, back.release) from error
        return RolledBack(
            application=application.name,
            release=back.release,
            before=serving[-1] if serving else "",
            warm=warm,
            between=between(states, serving[-1], back.release) if serving else Between(),
            seconds=timer.seconds,
            switch_milliseconds=switched.milliseconds,
            round_trips=cutover.fleet.round_trips,
            switched_after=timer.ended.get("switch", 0.0),
            story=story,
        )


def _taken_back(application: Application, states: States, verdict: Verdict, timer: Timer) -> RolledBack:
    return RolledBack(
        application=application.name,
        release=max(live_releases(states)),
        before="",
        warm=True,
        between=Between(),
        seconds=timer.seconds,
        story=verdict.story,
        undone=verdict.release,
    )


def target(states: States, wanted: str) -> Back:
    """The release to go back to. Raises UsageError with what there is to choose from."""
    choices = ways_back(states)
    known = ", ".join(back.release for back in choices) or "none"
    if not wanted:
        if not choices:
            raise UsageError(
                "there is no release to go back to", hint="invoke releases shows what is there; deploy the version you want"
            )
        return choices[0]
    found = resolve_release(states, wanted)
    if len(found) != 1:
        what = f"no release is called {wanted!r}" if not found else f"{wanted!r} may mean {', '.join(found)}"
        raise UsageError(what, hint=f"one can go back to: {known}")
    if found[0] in live_releases(states) and len(live_releases(states)) == 1:
        raise UsageError(f"{found[0]} serves already", hint=f"one can go back to: {known}")
    missing = [host for host, state in states.items() if found[0] not in state.releases]
    if missing:
        raise UsageError(f"{found[0]} is no longer on {', '.join(missing)}", hint=f"deploy it again, or go back to: {known}")
    return Back(found[0], is_warm(states, found[0]))


def _go_back(cutover: Cutover, states: States, back: Back) -> tuple[bool, Switched]:
    """Switch and settle; says whether the release was really warm."""
    if back.warm:
        switched = _to_warm(cutover, states, back.release)
        if switched is not None:
            return True, switched
    slots: dict[str, str] = {host: state.idle for host, state in states.items()}
    seen = {host: Deployment(cutover.workspace, cutover.application, host, back.release) for host in slots}
    stations = [
        images_in(seen, slots),
        handover.quiet(cutover, states, slots, back.release),
        *start_in(cutover, states, slots, seen),
        *cutover.switch(states, slots, back.release),
    ]
    return False, complete(cutover, stations, states, Run(back.release, slots, retired="bad"))


def _to_warm(cutover: Cutover, states: States, release: str) -> Switched | None:
    """By the switch alone; None if what was kept warm does not answer, which is found out before anything is done.

    Its workers sleep, so only what takes requests is asked; they are woken when every host has switched.
    """
    slots = {host: state.slot_of(release) for host, state in states.items()}
    gates = {host: cutover.warm_gate(release, slots[host], WARM_LIMIT) for host in states}
    stations = [
        Station("gate", {host: [gate] for host, gate in gates.items()}),
        *cutover.switch(states, slots, release, warm=True),
        Station("workers", {host: handover.relieve(cutover, states[host], slots[host]) for host in slots}, together=True),
    ]
    try:
        return complete(cutover, stations, states, Run(release, slots, warm=True, retired="bad"))
    except (OperationFailed, FlowFailed) as error:
        if "switch" in cutover.timer.seconds:
            raise
        cutover.warn(f"the warm release of {cutover.application.name} does not answer ({error.message}); starting it anew")
        return None


def _not_gone_back(cutover: Cutover, error: BaseException, release: str) -> WindlassError | KeyboardInterrupt:
    truth = cutover.take_back(error)
    finished = truth.serves(release)
    if isinstance(error, KeyboardInterrupt):
        return KeyboardInterrupt(f"the rollback to {release} was {'finished' if finished else 'taken back'}. {truth}")
    if truth.is_unclear(release):
        what = f"the rollback to {release} broke off"
    else:
        what = f"gone back to {release}, but not without a fault afterwards" if finished else f"not gone back to {release}"
    return FlowFailed(
        f"{what}: {told(error)}",
        hosts=truth.hosts,
        partly=truth.partly,
        hint=getattr(error, "hint", "") or truth.way_on(release, "invoke releases shows what else one can go back to"),
        last_lines=getattr(error, "last_lines", ()),
    )
