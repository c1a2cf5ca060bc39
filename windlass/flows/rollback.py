"""Back to a release that served before: by the switch alone where it is warm, by the deploy's own stations where it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from windlass import events
from windlass.errors import FlowFailed, OperationFailed, UsageError, WindlassError
from windlass.flows import handover
from windlass.flows.cutover import Cutover, Switched
from windlass.flows.deploy import start_in
from windlass.flows.preparation import Deployment
from windlass.flows.steps import Timer, process_age, steps_only, told
from windlass.plans.slots import Back, Between, States, between, is_warm, live_releases, resolve_release, ways_back

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Application

WARM_LIMIT = 3.0  # seconds a warm slot has to answer before it is started anew


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What a rollback came to.

    between         what lies between the releases besides code; migrations are not undone
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


def rollback(
    workspace: Workspace, application: Application, wanted: str = "", *, listener: events.Listener = events.nobody
) -> RolledBack:
    """Go back to `wanted`, or without it to the release that served before and was not bad. Raises UsageError if there is none."""
    timer = Timer(listener)
    hosts = [host.name for host in workspace.environment.hosts_of(application.hosts)]
    with workspace.fleet(hosts, steps_only(listener)) as fleet:
        cutover = Cutover(workspace, application, fleet, listener, timer, "rollback", workspace.operator)
        states = cutover.lock_and_look(f"rollback {application.name} {wanted}".rstrip())
        story = cutover.recover(states)
        if story:
            cutover.warn(story)
            states = cutover.look()
        back = target(states, wanted)
        serving = sorted(live_releases(states))
        try:
            warm, switched, after = _go_back(cutover, states, back)
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
            round_trips=fleet.round_trips,
            switched_after=after,
            story=story,
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


def _go_back(cutover: Cutover, states: States, back: Back) -> tuple[bool, Switched, float]:
    """Switch and settle; says whether the release was really warm, and how old this process was when all had switched."""
    warm = back.warm and _still_fit(cutover, states, back.release)
    slots = {host: state.slot_of(back.release) if warm else state.idle for host, state in states.items()}
    if not warm:
        seen = {host: Deployment(cutover.workspace, cutover.application, host, back.release) for host in slots}
        handover.quiet(cutover, states, slots, back.release)
        start_in(cutover, states, slots, seen)
    with cutover.timer.step("switch", slots):
        switched = cutover.switch(states, slots, back.release, warm=warm)
    after = process_age()
    if warm:
        _wake_workers(cutover, states, slots)
    cutover.settle(states, slots, back.release, warm=warm, retired="bad")
    return warm, switched, after


def _still_fit(cutover: Cutover, states: States, release: str) -> bool:
    """Whether what is kept warm answers as it should; its workers sleep, so only what takes requests is asked."""
    application = cutover.application
    try:
        with cutover.timer.step("gate", states):
            cutover.each({host: [cutover.warm_gate(release, state.slot_of(release), WARM_LIMIT)] for host, state in states.items()})
    except (OperationFailed, FlowFailed) as error:
        cutover.warn(f"the warm release of {application.name} does not answer ({error.message}); starting it anew")
        return False
    return True


def _wake_workers(cutover: Cutover, states: States, slots: Mapping[str, str]) -> None:
    awake = {host: operations for host, slot in slots.items() if (operations := handover.relieve(cutover, states[host], slot))}
    if awake:
        with cutover.timer.step("workers", awake):
            cutover.each(awake)


def _not_gone_back(cutover: Cutover, error: BaseException, release: str) -> WindlassError | KeyboardInterrupt:
    truth = cutover.take_back(error)
    finished = truth.serves(release)
    if isinstance(error, KeyboardInterrupt):
        return KeyboardInterrupt(f"the rollback to {release} was {'finished' if finished else 'taken back'}. {truth}")
    what = f"gone back to {release}, but not without a fault afterwards" if finished else f"not gone back to {release}"
    return FlowFailed(
        f"{what}: {told(error)}",
        hosts=truth.hosts,
        partly=truth.partly,
        hint=str(truth),
        last_lines=getattr(error, "last_lines", ()),
    )
