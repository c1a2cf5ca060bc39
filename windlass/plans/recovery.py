"""What to do about a run that broke off: finish it, or go back. The same decision serves an error, Ctrl-C and a dead controller."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from windlass.plans.slots import HostState, States

Action = Literal["nothing", "forget", "finish", "revert", "discard"]
UNWATCHED = "; nobody has watched it to the end"
SETTLE = "settle"  # the step that is announced once every host has switched: from it on there is no way but forth


@dataclass(frozen=True, slots=True)
class Recovery:
    """What to do on one host.

    finish    the release serves everywhere: only the tidying is left
    revert    this host was switched, another was not: switch back to `slot`; empty if nothing served before
    discard   this host was not switched: stop what was started in the idle `slot`
    forget    this host served the release before the run began, and goes on
    warm      the release was in its slot before the run, and stays there whatever happens
    """

    action: Action
    slot: str = ""
    release: str = ""
    warm: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happened, in words, and what follows for each host.

    action     what broke off: `deploy`, `rollback`, …
    release    the release that it was about
    unwatched  hosts that serve a release whose watch was cut short, by a loss of power as a rule: it is taken up again before
               anything is finished
    """

    story: str
    hosts: Mapping[str, Recovery]
    unwatched: tuple[str, ...] = ()
    action: str = ""
    release: str = ""

    @property
    def finishes(self) -> bool:
        return any(recovery.action == "finish" for recovery in self.hosts.values())

    @property
    def undoes_a_deploy(self) -> bool:
        """Whether the release before the deploy serves on, or again: whoever wanted to go back is there."""
        return self.action == "deploy" and not self.finishes


def recovery(states: States, missing: Collection[str] = ()) -> Verdict | None:
    """Judge what is found on an application's hosts; None if no run broke off. `missing` are the hosts that do not answer.

    The old release serves until every host has switched: if only some have, they go back, for the old slot is still warm there.
    A host that is not known to have switched counts as one that has not, unless another remembers that all had.
    """
    broken = {host: state for host, state in states.items() if state.progress}
    if not broken:
        return None
    latest = max((state.progress for state in broken.values()), key=lambda progress: float(progress.get("at", 0)))
    release = str(latest.get("release", ""))
    concerned = {host: state for host, state in states.items() if state.progress or release in state.records}
    switched = {host for host, state in concerned.items() if _serves(state, release)}
    known = not missing or any(_past_the_switch(state) for host, state in concerned.items() if host in switched)
    everywhere = known and switched == set(concerned)
    hosts = {host: _for_host(state, everywhere=everywhere) for host, state in states.items()}
    back = {host: str(state.progress["went_back"]) for host, state in sorted(broken.items()) if state.progress.get("went_back")}
    unwatched = _unwatched(concerned) if everywhere else ()
    story = _story(latest, sorted(switched), back, everywhere=everywhere) + (UNWATCHED if unwatched else "")
    return Verdict(story, hosts, unwatched, str(latest.get("action", "")), release)


def _unwatched(concerned: States) -> tuple[str, ...]:
    """What is kept warm has served before and is not watched; and nobody is past the switch before all have been watched."""
    if any(_past_the_switch(state) or state.progress.get("warm") for state in concerned.values()):
        return ()
    return tuple(host for host, state in concerned.items() if not state.progress.get("watched"))


def _serves(state: HostState, release: str) -> bool:
    """Whether a host has switched to the release: in the middle of the run, or at the end of it."""
    here = state.progress.get("release", release) == release and state.live == state.progress.get("slot", state.live)
    return here and bool(release) and state.live_release == release


def _past_the_switch(state: HostState) -> bool:
    """Whether a host that serves the release was told, or can only know, that all the others do as well."""
    return not state.progress or state.progress.get("step") == SETTLE


def _for_host(state: HostState, *, everywhere: bool) -> Recovery:
    progress = state.progress
    if not progress:
        return Recovery("nothing")
    release, slot, warm = str(progress.get("release", "")), str(progress.get("slot", "")), bool(progress.get("warm"))
    before = str(progress.get("before", ""))
    if everywhere:
        return Recovery("finish", state.live, release, warm)
    if slot == before:
        return Recovery("forget", slot, release, warm)
    return Recovery("revert", before, release, warm) if _serves(state, release) else Recovery("discard", slot, release, warm)


def under_way(states: States) -> str:
    """In words, who is at work there and how far; empty if nobody is."""
    busy = [state for _host, state in sorted(states.items()) if state.holder]
    if not busy:
        return ""
    holder, steps = busy[0].holder, {str(state.progress["step"]) for state in busy if "step" in state.progress}
    at = f", at the step '{min(steps)}'" if len(steps) == 1 else ""
    return f"{holder.get('purpose')} by {holder.get('holder')} is under way since {_moment(holder.get('since', 0))}{at}"


def _moment(seconds: Any) -> str:
    return datetime.fromtimestamp(float(seconds), UTC).strftime("%Y-%m-%d %H:%M UTC")


def _story(progress: Mapping[str, Any], switched: list[str], back: Mapping[str, str], *, everywhere: bool) -> str:
    """`back`: the hosts that watched over the release after the controller had left, and switched back by themselves; why."""
    when = _moment(progress.get("at", 0))
    what = f"a {progress.get('action', 'run')} of {progress.get('release', 'a release')} by {progress.get('operator', 'somebody')}"
    where = f"at the step '{progress.get('step', '?')}' ({when})"
    if everywhere:
        return f"{what} was broken off {where}, after every host had switched: finishing it"
    said = "; ".join(f"{host} had switched back by itself ({why})" for host, why in back.items())
    if switched:
        also = f", and {said}" if back else ""
        return f"{what} was broken off {where}, after {', '.join(switched)} had switched{also}: going back to the release before"
    if back:
        return f"{what} was broken off {where}, and {said}: clearing it away"
    return f"{what} was broken off {where}, before any host had switched: clearing it away"
