"""What follows from a run that broke off, for every way in which two hosts can be found."""

from __future__ import annotations

from typing import Any

import pytest

from windlass.plans.recovery import Recovery, recovery
from windlass.plans.slots import HostState

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


def test_a_host_that_finished_is_left_alone_and_one_that_did_not_start_too() -> None:
    verdict = recovery({"a": host("a", "blue", PROGRESS), "b": host("b", "blue", None)})

    assert verdict is not None
    assert verdict.hosts["b"] == Recovery("nothing")


def test_the_story_says_who_what_and_when() -> None:
    verdict = recovery({"a": host("a", "green", PROGRESS), "b": host("b", "blue", PROGRESS)})

    assert verdict is not None
    assert verdict.story == (
        "a deploy of r2 by ada@desk was broken off at the step 'switch' (1970-01-01 00:00 UTC), after a had switched: "
        "going back to the release before"
    )
