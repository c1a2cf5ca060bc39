"""When a new backup is suspiciously small."""

from __future__ import annotations

import pytest

from windlass.plans.shrinkage import Extent, shrinkage


def sized(*sizes: int, accepted: int | None = None) -> list[Extent]:
    """Good ones with these sizes, newest first."""
    return [Extent({"dump": size}, {"rows": size}, accepted=number == accepted) for number, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("size", "before", "suspicious"),
    [
        (49, sized(100, 100, 100), True),
        (50, sized(100, 100, 100), False),
        (10, sized(100, 100), False),  # two tell nothing of what is usual
        (10, [], False),
        (40, sized(100, 30, 100, 30, 100), True),  # the median, not the newest
        (40, sized(10, 100, 30, 30, 100), False),
        (10, sized(30, 100, 100, 100, 100, accepted=0), True),  # less than half of what was accepted
        (16, sized(30, 100, 100, 100, 100, accepted=0), False),
        (16, sized(30, 30, 100, 100, 100, accepted=1), False),
        (40, sized(*[100] * 5, 10, 10, 10, 10, 10, 10), True),  # only the last few are looked at
    ],
)
def test_less_than_half_of_the_usual_is_suspicious(size: int, before: list[Extent], *, suspicious: bool) -> None:
    assert bool(shrinkage(Extent({"dump": size}, {"rows": 1}), before, 50)) == suspicious


def test_each_part_is_measured_by_itself() -> None:
    before = [Extent({"dump": 1 << 20, "uploads": 10 << 20}, {"rows": 5, "uploads": 70})] * 3
    new = Extent({"dump": 1 << 20, "uploads": 1 << 20}, {"rows": 5, "uploads": 7})

    assert shrinkage(new, before, 50) == ("uploads has 1.0 MiB where 10.0 MiB are usual",)


def test_what_is_empty_and_was_not_is_suspicious_at_once() -> None:
    said = shrinkage(Extent({"dump": 90}, {"rows": 0}), [Extent({"dump": 100}, {"rows": 7})], 50)

    assert said == ("rows has nothing in it any more, and had 7 in the last good one",)
    assert shrinkage(Extent({"dump": 90}, {"rows": 0}), [Extent({"dump": 100}, {"rows": 0})], 50) == ()


def test_what_was_made_in_another_way_is_no_measure() -> None:
    before = [Extent({"dump": 1000}, {"rows": 9})] * 5

    assert shrinkage(Extent({"dump (zstd)": 100}, {"rows": 9}), before, 50) == ()


def test_with_nought_nothing_is_suspicious() -> None:
    assert shrinkage(Extent({"dump": 1}, {"rows": 0}), sized(100, 100, 100), 0) == ()
