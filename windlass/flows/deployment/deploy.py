"""Bringing a version of an application to all its hosts without losing a request."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from windlass import events
from windlass.errors import FlowFailed, HostError, UsageError, WindlassError
from windlass.flows.deployment import coming, frontend, handover, preparation
from windlass.flows.deployment.artefact import Artefact, Wanted
from windlass.flows.deployment.coming import Coming
from windlass.flows.deployment.cutover import Cutover, cutting_over
from windlass.flows.deployment.environment_keys import check_keys
from windlass.flows.deployment.preparation import Deployment
from windlass.flows.deployment.settling import complete
from windlass.flows.deployment.source import Source, resolve
from windlass.flows.deployment.stations import Station
from windlass.flows.deployment.switched import Run
from windlass.flows.steps import Timer, all_of, told
from windlass.operations.gate import Inspect
from windlass.operations.operation import Operation
from windlass.operations.wire import Batch
from windlass.plans.restarts import restless
from windlass.plans.slots import HostState, States, live_releases, unchanged

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.hosts.agent.results import Result
    from windlass.inventory import Application, Environment


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a deploy came to.

    before   the release that served before, empty if none did
    warm     whether it is kept running, so that the way back is the switch alone
    left     for each host, connections that were still open to the old release when the drain's limit was reached
    story    what was found of an earlier run that had broken off, and what was done about it
    """

    application: str
    release: str
    before: str = ""
    warm: bool = False
    changed: bool = True
    reference: str = ""
    commit: str = ""
    artefact: str = ""
    built: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)
    switch_milliseconds: Mapping[str, float] = field(default_factory=dict)
    left: Mapping[str, int] = field(default_factory=dict)
    round_trips: Mapping[str, int] = field(default_factory=dict)
    story: str = ""


def chosen(environment: Environment, name: str) -> Application:
    """The application that is meant: the named one, or the only one. Raises UsageError."""
    if name:
        return environment.application(name)
    if len(environment.applications) == 1:
        return next(iter(environment.applications.values()))
    if not environment.applications:
        raise UsageError(
            f"{environment.name} has no applications", hint="describe one below `applications:`, see docs/inventory.md"
        )
    raise UsageError("which application?", hint=f"say --app {' or --app '.join(environment.applications)}")


def deploy(
    workspace: Workspace,
    application: Application,
    reference: str,
    *,
    force: bool = False,
    listener: events.Listener = events.nobody,
) -> Deployed:
    """Deploy what `reference` (or, if empty, the inventory) names. The old release serves until the new one has answered.

    Raises UsageError, RefusedError (a lock is held), BuildFailed, and FlowFailed when it was taken back.
    """
    timer = Timer(listener)
    with timer.step("resolve"):
        source = resolve(application, reference, project=workspace.project)
        _tell_left_out(source, listener)
        check_keys(workspace.environment, application, source.tar, listener)
    with cutting_over(workspace, application, "deploy", timer, listener) as cutover:
        wanted = Wanted(
            workspace.environment, application, source, workspace.project / ".windlass" / "artefacts" / application.name
        )
        states, made = _begin(cutover, wanted, f"deploy {application.name} {source.reference}")
        story = cutover.recover(states)
        if story:
            cutover.warn(story)
            states = cutover.look()
        artefact = made or _artefact(cutover, wanted)
        settings = {host: preparation.configuration(Deployment(workspace, application, host, "")) for host in cutover.hosts}
        if not force and unchanged(states, artefact.content.checksum, settings) and _is_well(cutover, states):
            (release,) = live_releases(states)
            return _nothing_to_do(cutover, source, artefact, release, story)
        return _deploy(cutover, states, artefact, settings, story)


def _tell_left_out(source: Source, listener: events.Listener) -> None:
    """What is deployed is the commit; somebody who has just mended something may think it is the folder."""
    count = len(source.left_out)
    if count:
        which = f"{source.left_out[0]}{f' and {count - 1} more' if count > 1 else ''}"
        listener(events.Note(f"not committed, and so not deployed: {which}", warning=True))


def _begin(cutover: Cutover, wanted: Wanted, purpose: str) -> tuple[dict[str, HostState], Artefact | None]:
    """Lock and look. A single host makes the artefact in the same turn, unless an earlier run broke off there: that comes first.
    Of several hosts none builds before all have given the lock."""
    if len(cutover.hosts) > 1:
        return cutover.lock_and_look(purpose), None
    (host,), unless = cutover.hosts, f"{cutover.layout.root}/progress.json"
    first = cutover.first_steps(purpose)

    def work(host: str) -> tuple[Sequence[Result], Artefact | None]:
        channel = cutover.fleet.channel(host)
        kept = wanted.kept(host, channel.facts)
        return (channel.run(Batch(first)), kept) if kept else wanted.made(channel, first, unless)

    with cutover.following([Station("lock", {host: first}), Station("artefact", {host: wanted.steps(host, unless)})]):
        outcomes = cutover.fleet.each([host], work)
        states = cutover.states_of(
            first, {name: each if isinstance(each, HostError) else each[0] for name, each in outcomes.items()}
        )
    return states, all_of(outcomes)[host][1]


def _artefact(cutover: Cutover, wanted: Wanted) -> Artefact:
    """The one that is kept, or else one that the first host builds."""
    builder = cutover.hosts[0]

    def work(host: str) -> Artefact | None:
        channel = cutover.fleet.channel(host)
        return wanted.kept(host, channel.facts) or wanted.made(channel)[1]

    with cutover.timer.step("artefact", [builder]):
        return cast("Artefact", all_of(cutover.fleet.each([builder], work))[builder])  # nothing stands in the way here


def _is_well(cutover: Cutover, states: States) -> bool:
    """Whether what serves really does: somebody who deploys the same again may be trying to bring it back to life."""
    seen = cutover.each({host: [_look(cutover.application, state)] for host, state in states.items()})
    sick = {
        f"{host} {name}: {data['why']}" for host, (result,) in seen.items() for name, data in result.data.items() if data["why"]
    }
    if sick:
        cutover.warn(f"{'; '.join(sorted(sick))}: deploying it anew")
    often = restless(states, {host: result.data for host, (result,) in seen.items()}, time.time())
    if often and not sick:
        cutover.warn(f"restarted since it went live: {', '.join(often)} (invoke app.logs says why)")
    return not sick


def _look(application: Application, state: HostState) -> Operation:
    if application.static:
        return frontend.look(application, {state.live: state.live_release})
    return Inspect(instances=handover.started(application, state, state.live))


def _nothing_to_do(cutover: Cutover, source: Source, artefact: Artefact, release: str, story: str) -> Deployed:
    return Deployed(
        application=cutover.application.name,
        release=release,
        before=release,
        changed=False,
        reference=source.reference,
        commit=source.commit,
        artefact=artefact.content.checksum,
        seconds=cutover.timer.seconds,
        round_trips=cutover.fleet.round_trips,
        story=story,
    )


def _deploy(cutover: Cutover, states: States, artefact: Artefact, settings: Mapping[str, str], story: str) -> Deployed:
    source = artefact.source
    release = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{source.short}"
    slots = {host: state.idle for host, state in states.items()}
    coming.make_sure_of_room(states, artefact)
    try:
        records = {host: coming.record(cutover, artefact, settings[host]) for host in slots}
        seen = {host: Deployment(cutover.workspace, cutover.application, host, release) for host in slots}
        stations = [
            *coming.files_in(cutover, states, slots, Coming(release, artefact, records)),
            *coming.start_in(cutover, states, slots, seen),
            *cutover.switch(states, slots, release),
        ]
        switched = complete(cutover, stations, states, Run(release, slots))
    except (WindlassError, KeyboardInterrupt) as error:
        raise _taken_back(cutover, error, release) from error
    before = sorted(live_releases(states))
    return Deployed(
        application=cutover.application.name,
        release=release,
        before=before[0] if before else "",
        warm=bool(before) and cutover.application.keep_warm,
        reference=source.reference,
        commit=source.commit,
        artefact=artefact.content.checksum,
        built=artefact.built,
        seconds=cutover.timer.seconds,
        switch_milliseconds=switched.milliseconds,
        left=switched.left,
        round_trips=cutover.fleet.round_trips,
        story=story,
    )


def _taken_back(cutover: Cutover, error: BaseException, release: str) -> WindlassError | KeyboardInterrupt:
    """The error to show once the old release serves alone again, or the new one, if every host had switched."""
    truth = cutover.take_back(error)
    finished, name = truth.serves(release), f"{cutover.application.name} {release}"
    if isinstance(error, KeyboardInterrupt):
        return KeyboardInterrupt(f"the {cutover.action} of {release} was {'finished' if finished else 'taken back'}. {truth}")
    if truth.is_unclear(release):  # it may have switched before it fell silent
        what = f"the deploy of {name} broke off"
    else:
        what = f"{name} serves on every host, but something failed after the switch" if finished else f"{name} was not deployed"
    return FlowFailed(
        f"{what}: {told(error)}",
        hosts=truth.hosts,
        partly=truth.partly,
        hint=getattr(error, "hint", "") or truth.way_on(release, "mend it and deploy again"),
        last_lines=getattr(error, "last_lines", ()),
    )
