"""What to do about a run that broke off: finish it, or go back. The same decision serves an error, Ctrl-C and a dead controller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from windlass.plans.layout import other
from windlass.plans.slots import HostState, States

Action = Literal["nothing", "finish", "revert", "discard"]


@dataclass(frozen=True, slots=True)
class Recovery:
    """What to do on one host.

    finish    the release serves everywhere: only the tidying is left
    revert    this host was switched, another was not: switch back to `slot`
    discard   this host was not switched: stop what was started in the idle `slot`
    warm      the release was in its slot before the run, and stays there whatever happens
    """

    action: Action
    slot: str = ""
    release: str = ""
    warm: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happened, in words, and what follows for each host."""

    story: str
    hosts: Mapping[str, Recovery]

    @property
    def finishes(self) -> bool:
        return any(recovery.action == "finish" for recovery in self.hosts.values())


def recovery(states: States) -> Verdict | None:
    """Judge what is found on all of an application's hosts; None if no run broke off.

    The old release serves until every host has switched: if only some have, they go back, for the old slot is still warm there.
    """
    broken = {host: state for host, state in states.items() if state.progress}
    if not broken:
        return None
    latest = max((state.progress for state in broken.values()), key=lambda progress: float(progress.get("at", 0)))
    switched = {host for host, state in broken.items() if _switched(state)}
    everywhere = len(broken) == len(states) and switched == set(states)
    hosts = {host: _for_host(state, everywhere=everywhere) for host, state in states.items()}
    return Verdict(_story(latest, sorted(switched), len(states)), hosts)


def _switched(state: HostState) -> bool:
    return (
        bool(state.progress.get("slot"))
        and state.live == state.progress["slot"]
        and state.live_release == state.progress.get("release")
    )


def _for_host(state: HostState, *, everywhere: bool) -> Recovery:
    progress = state.progress
    if not progress:
        return Recovery("nothing")
    release, warm = str(progress.get("release", "")), bool(progress.get("warm"))
    if everywhere:
        return Recovery("finish", state.live, release, warm)
    if _switched(state) and progress.get("before"):
        return Recovery("revert", str(progress["before"]), release, warm)
    if progress.get("slot") and state.live != progress["slot"]:
        return Recovery("discard", str(progress["slot"]), release, warm)
    return Recovery("discard", other(state.live), release, warm)


def _story(progress: Mapping[str, Any], switched: list[str], total: int) -> str:
    when = datetime.fromtimestamp(float(progress.get("at", 0)), UTC).strftime("%Y-%m-%d %H:%M UTC")
    what = f"a {progress.get('action', 'run')} of {progress.get('release', 'a release')} by {progress.get('operator', 'somebody')}"
    where = f"at the step '{progress.get('step', '?')}' ({when})"
    if len(switched) == total:
        return f"{what} was broken off {where}, after every host had switched: finishing it"
    if switched:
        return f"{what} was broken off {where}, after {', '.join(switched)} had switched: going back to the release before"
    return f"{what} was broken off {where}, before any host had switched: clearing it away"
