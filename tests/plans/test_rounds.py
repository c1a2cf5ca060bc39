"""Rounds of hosts and the end of a run: every combination of serial, max_failed and on_failure."""

from __future__ import annotations

import pytest

from windlass.plans.rounds import FailurePolicy, OnFailure, Share, halt, rounds, share

HOSTS = tuple(f"h{number}" for number in range(1, 11))


def optional(text: str) -> Share | None:
    return share(text) if text else None


# on_failure, serial, max_failed: the sizes of the rounds of ten hosts, and the least number of failed hosts that ends the run
TABLE: list[tuple[OnFailure, str, str, list[int], int | None]] = [
    ("continue", "", "", [10], None),
    ("continue", "", "2", [10], 3),
    ("continue", "", "20%", [10], 3),
    ("continue", "", "0", [10], 1),
    ("continue", "3", "", [3, 3, 3, 1], None),
    ("continue", "3", "2", [3, 3, 3, 1], 3),
    ("continue", "3", "20%", [3, 3, 3, 1], 3),
    ("continue", "3", "0", [3, 3, 3, 1], 1),
    ("continue", "25%", "", [2, 2, 2, 2, 2], None),
    ("continue", "25%", "2", [2, 2, 2, 2, 2], 3),
    ("continue", "25%", "15%", [2, 2, 2, 2, 2], 2),
    ("continue", "1%", "100%", [1] * 10, None),
    ("stop", "", "", [1] * 10, 1),
    ("stop", "", "2", [10], 3),
    ("stop", "", "20%", [10], 3),
    ("stop", "3", "", [3, 3, 3, 1], 1),
    ("stop", "3", "2", [3, 3, 3, 1], 3),
    ("stop", "50%", "", [5, 5], 1),
    ("stop", "50%", "10%", [5, 5], 2),
    ("stop", "100%", "0%", [10], 1),
]


@pytest.mark.parametrize(("on_failure", "serial", "max_failed", "sizes", "ends"), TABLE)
def test_all_combinations(on_failure: OnFailure, serial: str, max_failed: str, sizes: list[int], ends: int | None) -> None:
    policy = FailurePolicy(on_failure=on_failure, serial=optional(serial), max_failed=optional(max_failed))
    made = rounds(HOSTS, policy)

    assert [len(each) for each in made] == sizes
    assert tuple(host for each in made for host in each) == HOSTS
    assert next((failed for failed in range(11) if halt(failed, 10, policy)), None) == ends


def test_the_reason_names_the_option_and_the_figures() -> None:
    few = halt(3, 15, FailurePolicy(max_failed=share("10%")))
    first = halt(1, 15, FailurePolicy(on_failure="stop"))

    assert few is not None
    assert few.reason == "3 of 15 hosts failed, and --max-failed 10% allows 1"
    assert first is not None
    assert "--on-failure stop" in first.reason


def test_no_host_is_no_round() -> None:
    assert rounds((), FailurePolicy()) == ()
    assert rounds((), FailurePolicy(serial=share("10%"))) == ()


@pytest.mark.parametrize("text", ["", "x", "-1", "101%", "1.5", "5 %", "٣"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither a number"):
        share(text)
