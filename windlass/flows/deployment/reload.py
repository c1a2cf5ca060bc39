"""Starting what serves anew without losing a request, and keeping what a boot brings back.

PM2's own reload kills the old process when the new one is not there in time, and calls that a success. Here the same release is
started in the other slot and has to pass the gate, and only then comes the switch: what no longer starts never replaces what runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from windlass import events
from windlass.errors import FlowFailed, RefusedError, UsageError, WindlassError
from windlass.flows.deployment import handover
from windlass.flows.deployment.coming import images_in, start_in
from windlass.flows.deployment.cutover import Cutover, cutting_over
from windlass.flows.deployment.preparation import Deployment
from windlass.flows.deployment.settling import complete
from windlass.flows.deployment.supervision import supervisor_of
from windlass.flows.deployment.switched import Run
from windlass.flows.steps import Timer, all_of, lease_of, refuse_if_held, told
from windlass.operations.release import ReleaseState
from windlass.plans.layout import Layout
from windlass.plans.slots import Held, HostState, States, live_releases

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.hosts.many.fleet import Fleet
    from windlass.inventory import Application

UP = ("online", "launching")


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What a reload came to. `story` is about a run that had broken off before, empty if none had."""

    application: str
    release: str
    seconds: Mapping[str, float] = field(default_factory=dict)
    switch_milliseconds: Mapping[str, float] = field(default_factory=dict)
    round_trips: Mapping[str, int] = field(default_factory=dict)
    story: str = ""


def reload(workspace: Workspace, application: Application, *, listener: events.Listener = events.nobody) -> Reloaded:
    """Start the release that serves anew, as the inventory now describes its processes; the old ones serve until these are fit.

    Raises UsageError if nothing serves or the hosts disagree, RefusedError (a lock is held), and FlowFailed when it was taken back.
    """
    if application.static:
        raise UsageError(f"{application.name} is only files: there is nothing to start anew", hint="deploy it")
    timer = Timer(listener)
    with cutting_over(workspace, application, "reload", timer, listener) as cutover:
        states = cutover.lock_and_look(f"reload {application.name}")
        story = cutover.recover(states)
        if story:
            cutover.warn(story)
            states = cutover.look()
        release = _serving(states)
        slots: dict[str, str] = {host: state.idle for host, state in states.items()}
        try:
            switched = _start_anew(cutover, states, slots, release)
        except (WindlassError, KeyboardInterrupt) as error:
            raise _not_reloaded(cutover, error, slots, release) from error
        return Reloaded(application.name, release, timer.seconds, switched, cutover.fleet.round_trips, story)


def _serving(states: States) -> str:
    releases = live_releases(states)
    if len(releases) != 1 or not all(state.live_release for state in states.values()):
        what = f"the hosts serve different releases: {', '.join(sorted(releases))}" if releases else "nothing serves yet"
        raise UsageError(f"there is nothing to reload: {what}", hint="deploy first; that brings all hosts to one release")
    return releases.pop()


def _start_anew(cutover: Cutover, states: States, slots: Mapping[str, str], release: str) -> Mapping[str, float]:
    seen = {host: Deployment(cutover.workspace, cutover.application, host, release) for host in slots}
    stations = [
        images_in(seen, slots),
        handover.quiet(cutover, states, slots, release),
        *start_in(cutover, states, slots, seen),
        *cutover.switch(states, slots, release),
    ]
    return complete(cutover, stations, states, Run(release, slots)).milliseconds


def _not_reloaded(
    cutover: Cutover, error: BaseException, slots: Mapping[str, str], release: str
) -> WindlassError | KeyboardInterrupt:
    truth = cutover.take_back(error)
    now = {host: state.live for host, state in cutover.look().items()}
    finished = now == dict(slots)
    what = "was reloaded, but something failed after the switch" if finished else "was not reloaded: what served goes on"
    what = what if truth.known else "broke off while it was reloaded"
    if isinstance(error, KeyboardInterrupt):
        return KeyboardInterrupt(f"{release} {what}. {truth}")
    return FlowFailed(
        f"{cutover.application.name} {release} {what}: {told(error)}",
        hosts=truth.hosts,
        partly=truth.partly,
        hint=getattr(error, "hint", "") or str(truth),
        last_lines=getattr(error, "last_lines", ()),
    )


def save(application: Application, fleet: Fleet, *, operator: str) -> dict[str, tuple[str, ...]]:
    """Write down what runs, for the next boot. Gives the processes that it will bring back, for each host.

    Raises RefusedError where a process of the live slot is not up: the list that is there would bring back more than the new one.
    """
    layout, saved = Layout(application.name), {}
    for host in fleet.targets:
        lease = lease_of(application, operator, f"save {application.name}")
        outcomes = fleet.run_same([host], (lease, ReleaseState(root=layout.root)))
        refuse_if_held(lease, outcomes)
        state = HostState.of(host, all_of(outcomes)[host][1].data)
        held = state.held.get(state.live, Held(supervisor=application.supervisor))
        supervisor = supervisor_of(application, held.supervisor)
        listed = all_of(fleet.run_same([host], (supervisor.listing(),)))[host][0].data["processes"]
        up = tuple(str(each["name"]) for each in listed if each["status"] in UP)
        missing = [name for name in (*held.web, *held.workers) if name not in up]
        if missing and held.supervisor == "pm2":
            raise RefusedError(
                f"{host}: {', '.join(missing)} should run and does not, so a boot would not bring it back",
                host=host,
                hint="nothing was saved; invoke pm2.restart or deploy first",
            )
        all_of(fleet.run_same([host], supervisor.control("save")))
        saved[host] = up
    return saved
