"""Bringing a version of an application to all its hosts without losing a request."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from windlass import events
from windlass.errors import FlowFailed, RefusedError, UsageError, WindlassError
from windlass.flows import frontend, handover, preparation
from windlass.flows.artefact import Artefact, obtain, packed
from windlass.flows.cutover import Cutover, cutting_over
from windlass.flows.environment_keys import check_keys
from windlass.flows.migrations import migrations_in
from windlass.flows.preparation import Deployment
from windlass.flows.source import Source, resolve
from windlass.flows.stations import Station
from windlass.flows.steps import Timer, told
from windlass.flows.switched import Run
from windlass.operations import command
from windlass.operations.gate import Inspect
from windlass.operations.operation import Operation
from windlass.operations.release import Record
from windlass.plans.launcher import PROGRAMS
from windlass.plans.restarts import restless
from windlass.plans.slots import HostState, States, live_releases, unchanged

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Application, Environment

ROOM = 4  # times the artefact's size that must be free on a host before it is unpacked


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
        hosts = cutover.hosts
        states = cutover.lock_and_look(f"deploy {application.name} {source.reference}")
        story = cutover.recover(states)
        if story:
            cutover.warn(story)
            states = cutover.look()
        with timer.step("artefact", hosts[:1]):
            artefact = _artefact(cutover, source)
        settings = {host: preparation.configuration(Deployment(workspace, application, host, "")) for host in hosts}
        if not force and unchanged(states, artefact.content.sha256, settings) and _is_well(cutover, states):
            (release,) = live_releases(states)
            return _nothing_to_do(cutover, source, artefact, release, story)
        return _deploy(cutover, states, source, artefact, settings, story)


def _tell_left_out(source: Source, listener: events.Listener) -> None:
    """What is deployed is the commit; somebody who has just mended something may think it is the folder."""
    count = len(source.left_out)
    if count:
        which = f"{source.left_out[0]}{f' and {count - 1} more' if count > 1 else ''}"
        listener(events.Note(f"not committed, and so not deployed: {which}", warning=True))


def _artefact(cutover: Cutover, source: Source) -> Artefact:
    workspace, application = cutover.workspace, cutover.application
    return obtain(
        workspace.environment,
        application,
        source,
        channel=cutover.fleet.channel(cutover.hosts[0]),
        folder=workspace.project / ".windlass" / "artefacts" / application.name,
    )


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
        artefact=artefact.content.sha256,
        seconds=cutover.timer.seconds,
        round_trips=cutover.fleet.round_trips,
        story=story,
    )


def _deploy(
    cutover: Cutover, states: States, source: Source, artefact: Artefact, settings: Mapping[str, str], story: str
) -> Deployed:
    release = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{source.short}"
    slots = {host: state.idle for host, state in states.items()}
    _make_sure_of_room(states, artefact)
    try:
        records = {host: _record(cutover, source, artefact, settings[host]) for host in slots}
        stations = [
            *_files(cutover, states, slots, _Coming(release, artefact, records)),
            *start_in(
                cutover, states, slots, {host: Deployment(cutover.workspace, cutover.application, host, release) for host in slots}
            ),
            *cutover.switch(states, slots, release),
        ]
        switched = cutover.complete(stations, states, Run(release, slots))
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
        artefact=artefact.content.sha256,
        built=artefact.built,
        seconds=cutover.timer.seconds,
        switch_milliseconds=switched.milliseconds,
        left=switched.left,
        round_trips=cutover.fleet.round_trips,
        story=story,
    )


def _make_sure_of_room(states: States, artefact: Artefact) -> None:
    needed = artefact.content.size * ROOM
    for host, state in states.items():
        if state.free_bytes < needed:
            raise RefusedError(
                f"{host} has {state.free_bytes >> 20} MiB free, and this release needs up to {needed >> 20} MiB there",
                host=host,
                hint="make room, or lower keep_releases; nothing was changed",
            )


def _record(cutover: Cutover, source: Source, artefact: Artefact, settings: str) -> dict[str, Any]:
    unnamed = Deployment(cutover.workspace, cutover.application, cutover.hosts[0], "{release}")
    return {
        "state": "prepared",
        "artefact": artefact.content.sha256,
        "size": artefact.content.size,
        "configuration": settings,
        "reference": source.reference,
        "commit": source.commit,
        "operator": cutover.operator,
        "created": datetime.now(UTC).timestamp(),
        "migrations": list(migrations_in(source.tar)),
        "environment": preparation.fingerprints(unnamed.environment()),
    }


@dataclass(frozen=True, slots=True)
class _Coming:
    """The release that is to serve, what it is made of, and what each host is to remember of it."""

    release: str
    artefact: Artefact
    records: Mapping[str, Mapping[str, Any]]


def _files(cutover: Cutover, states: States, slots: Mapping[str, str], coming: _Coming) -> list[Station]:
    """The run is announced on each host before anything is changed there; then the files, everywhere, and migrations, once."""
    application, release, root = cutover.application, coming.release, cutover.layout.root
    seen = {host: Deployment(cutover.workspace, application, host, release) for host in slots}
    prepared = {
        host: [
            cutover.progress("prepare", states[host], release, slot=slots[host]),
            Record(root=root, release=release, values=coming.records[host]),
            *preparation.unpack(seen[host], packed(root) if host == coming.artefact.builder else coming.artefact.content),
        ]
        for host in slots
    }
    stations = [Station("prepare", prepared), handover.quiet(cutover, states, slots, release)]
    if application.migrate:
        first = cutover.hosts[0]
        migrated = [cutover.progress("migrate", states[first], release, slot=slots[first]), _migration(seen[first])]
        stations.append(Station("migrate", {first: migrated}, together=True))
    return stations


def start_in(cutover: Cutover, states: States, slots: Mapping[str, str], seen: Mapping[str, Deployment]) -> list[Station]:
    """Start a release that is on every host in each host's slot, and wait until it is fit to serve.

    Nothing starts before the migration, which is the first host's, nor before the old workers that must not work beside it ended.
    """
    release = next(iter(seen.values())).release
    waits = bool(cutover.application.migrate or handover.quiet(cutover, states, slots, release).work)
    begun = {
        host: [
            cutover.progress("start", states[host], release, slot=slots[host]),
            *cutover.made_way(states[host], slots[host]),
            *preparation.start(seen[host], slots[host]),
        ]
        for host in slots
    }
    return [
        Station("start", begun, together=waits),
        cutover.gate("gate", release, slots),
        *handover.take_over(cutover, states, slots, release),
    ]


def _migration(seen: Deployment) -> command.Run:
    return command.Run(
        name=f"migrate: {seen.application.migrate}",
        command=f"set -a; . ./.env; set +a; export {PROGRAMS}; {seen.application.migrate}",
        user=seen.application.user,
        folder=seen.folder,
        limit_seconds=3600.0,
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
