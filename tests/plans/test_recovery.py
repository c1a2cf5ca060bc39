"""What follows from a run that broke off, for every way in which two hosts can be found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from windlass.plans.recovery import Recovery, recovery, under_way
from windlass.plans.slots import HostState, Record

PROGRESS = {
    "action": "deploy",
    "release": "r2",
    "slot": "green",
    "before": "blue",
    "step": "switch",
    "operator": "ada@desk",
    "at": 1.0,
}


def host(name: str, live: str, progress: dict[str, Any] | None) -> HostState:
    return HostState(name, live, {"blue": "r1", "green": "r2"}, {}, ("r1", "r2"), progress or {})


def test_nothing_broken_means_nothing_to_do() -> None:
    assert recovery({"a": host("a", "blue", None), "b": host("b", "blue", None)}) is None


@pytest.mark.parametrize(
    ("a_live", "b_live", "expected"),
    [
        ("blue", "blue", {"a": Recovery("discard", "green", "r2"), "b": Recovery("discard", "green", "r2")}),
        ("green", "blue", {"a": Recovery("revert", "blue", "r2"), "b": Recovery("discard", "green", "r2")}),
        ("blue", "green", {"a": Recovery("discard", "green", "r2"), "b": Recovery("revert", "blue", "r2")}),
        ("green", "green", {"a": Recovery("finish", "green", "r2"), "b": Recovery("finish", "green", "r2")}),
    ],
)
def test_all_hosts_end_on_one_release(a_live: str, b_live: str, expected: dict[str, Recovery]) -> None:
    verdict = recovery({"a": host("a", a_live, PROGRESS), "b": host("b", b_live, PROGRESS)})

    assert verdict is not None
    assert verdict.hosts == expected


@pytest.mark.parametrize("live", ["blue", "green"])
def test_a_step_that_only_another_version_knows_is_judged_by_what_serves(live: str) -> None:
    """Members that are missing or new change nothing of it."""
    theirs = {"action": "deploy", "release": "r2", "slot": "green", "before": "blue", "step": "canary", "format": 7}
    ours, other = (recovery({name: host(name, live, noted) for name in ("a", "b")}) for noted in (PROGRESS, theirs))

    assert ours is not None
    assert other is not None
    assert other.hosts == ours.hosts
    assert "a deploy of r2 by somebody was broken off at the step 'canary'" in other.story


def test_a_host_that_finished_is_left_alone_and_one_that_did_not_start_too() -> None:
    verdict = recovery({"a": host("a", "blue", PROGRESS), "b": host("b", "blue", None)})

    assert verdict is not None
    assert verdict.hosts["b"] == Recovery("nothing")


@pytest.mark.parametrize(
    ("action", "live", "undoes"),
    [("deploy", "blue", True), ("deploy", "green", False), ("rollback", "blue", False)],
)
def test_who_wants_to_go_back_from_a_deploy_is_there_once_it_is_undone(action: str, live: str, *, undoes: bool) -> None:
    verdict = recovery({name: host(name, live, {**PROGRESS, "action": action}) for name in ("a", "b")})

    assert verdict is not None
    assert (verdict.undoes_a_deploy, verdict.release) == (undoes, "r2")


def test_the_story_says_who_what_and_when() -> None:
    verdict = recovery({"a": host("a", "green", PROGRESS), "b": host("b", "blue", PROGRESS)})

    assert verdict is not None
    assert verdict.story == (
        "a deploy of r2 by ada@desk was broken off at the step 'switch' (1970-01-01 00:00 UTC), after a had switched: "
        "going back to the release before"
    )


def test_the_story_tells_of_a_host_that_went_back_by_itself() -> None:
    """Its controller was dead by then, so nobody has heard of it yet."""
    alone = PROGRESS | {"went_back": "web-0: it is not running"}
    verdict = recovery({"a": host("a", "blue", alone), "b": host("b", "blue", PROGRESS)})

    assert verdict is not None
    assert verdict.story.endswith(", and a had switched back by itself (web-0: it is not running): clearing it away")
    assert verdict.hosts["a"] == Recovery("discard", "green", "r2")


def after(name: str, live: str) -> HostState:
    """A host where the run came to its end, or was taken back: it has no note of the run, but remembers the release."""
    return HostState(name, live, {"blue": "r1", "green": "r2"}, {"r2": Record("r2", "live")}, ("r1", "r2"))


def test_a_run_that_ended_on_one_host_is_finished_on_the_other() -> None:
    verdict = recovery({"a": after("a", "green"), "b": host("b", "green", PROGRESS | {"step": "settle"})})

    assert verdict is not None
    assert verdict.hosts == {"a": Recovery("nothing"), "b": Recovery("finish", "green", "r2")}


def test_a_run_that_was_taken_back_on_one_host_is_taken_back_on_the_other() -> None:
    verdict = recovery({"a": after("a", "blue"), "b": host("b", "green", PROGRESS)})

    assert verdict is not None
    assert verdict.hosts == {"a": Recovery("nothing"), "b": Recovery("revert", "blue", "r2")}


def test_a_host_that_has_since_joined_has_no_say() -> None:
    joined = HostState("c", "", {}, {}, ())
    verdict = recovery({"a": host("a", "green", PROGRESS), "b": host("b", "green", PROGRESS), "c": joined})

    assert verdict is not None
    assert {name: each.action for name, each in verdict.hosts.items()} == {"a": "finish", "b": "finish", "c": "nothing"}


@pytest.mark.parametrize(("step", "action"), [("switch", "revert"), ("settle", "finish")])
def test_a_host_that_does_not_answer_has_switched_only_if_another_knows(step: str, action: str) -> None:
    verdict = recovery({"a": host("a", "green", PROGRESS | {"step": step})}, missing={"b"})

    assert verdict is not None
    assert verdict.hosts["a"].action == action


def test_a_first_release_goes_back_to_none() -> None:
    first = PROGRESS | {"before": ""}
    a = HostState("a", "green", {"green": "r2"}, {}, ("r2",), first)
    b = HostState("b", "", {"green": "r2"}, {}, ("r2",), first)

    verdict = recovery({"a": a, "b": b})

    assert verdict is not None
    assert verdict.hosts == {"a": Recovery("revert", "", "r2"), "b": Recovery("discard", "green", "r2")}


def test_a_host_that_served_the_release_before_the_run_keeps_it() -> None:
    back = PROGRESS | {"action": "rollback", "warm": True}
    a = host("a", "green", back | {"before": "green"})

    verdict = recovery({"a": a, "b": host("b", "blue", back)})

    assert verdict is not None
    assert verdict.hosts["a"] == Recovery("forget", "green", "r2", warm=True)


@pytest.mark.parametrize(
    ("a", "b", "unwatched"),
    [
        ({}, {}, ("a", "b")),
        ({"watched": True}, {}, ("b",)),
        ({"step": "settle"}, {}, ()),
        ({"warm": True}, {"warm": True}, ()),
    ],
)
def test_a_watch_that_was_cut_short_is_taken_up_again_before_anything_is_finished(
    a: dict[str, Any], b: dict[str, Any], unwatched: tuple[str, ...]
) -> None:
    """Not when all have been watched, which whoever is past the switch knows; and what is kept warm has served before."""
    verdict = recovery({"a": host("a", "green", PROGRESS | a), "b": host("b", "green", PROGRESS | b)})

    assert verdict is not None
    assert verdict.finishes
    assert verdict.unwatched == unwatched
    assert ("nobody has watched it" in verdict.story) == bool(unwatched)


def test_hosts_go_back_when_the_watch_that_was_taken_up_again_fails_on_one() -> None:
    fallen = PROGRESS | {"went_back": "web-0: it is not running"}
    verdict = recovery({"a": host("a", "blue", fallen), "b": host("b", "green", PROGRESS)})

    assert verdict is not None
    assert "after b had switched, and a had switched back by itself (web-0: it is not running): going back" in verdict.story
    assert verdict.hosts == {"a": Recovery("discard", "green", "r2"), "b": Recovery("revert", "blue", "r2")}
    assert verdict.unwatched == ()


HOLDER = {"holder": "ada@desk", "purpose": "deploy shop main", "since": 60.0}


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((), ""),
        (("start", "start"), ", at the step 'start'"),
        (("start", "switch"), ""),
    ],
)
def test_who_is_at_work_is_told_and_how_far_where_all_hosts_are_equally_far(steps: tuple[str, ...], said: str) -> None:
    busy = [replace(host(step, "blue", PROGRESS | {"step": step}), holder=HOLDER) for step in steps]
    idle = host("c", "blue", None)

    story = "deploy shop main by ada@desk is under way since 1970-01-01 00:01 UTC"
    states = {str(place): each for place, each in enumerate([*busy, idle])}
    assert under_way(states) == (f"{story}{said}" if steps else "")
