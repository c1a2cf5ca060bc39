"""What is wrong with backups, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from windlass.plans.standing import Facts, sparkline, wrong

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GOOD = Facts(
    now=NOW,
    taken=NOW - timedelta(hours=9),
    sizes=(100, 102, 104, 106),
    proven=NOW - timedelta(days=5),
    rpo=26 * 3600.0,
    proven_within=30 * 86400.0,
)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ()),
        ({"taken": NOW - timedelta(hours=26)}, ()),
        ({"taken": NOW - timedelta(hours=27)}, ("the newest good backup is 27 h old, and 26 h are allowed",)),
        ({"taken": NOW - timedelta(days=400), "rpo": 0.0}, ()),
        ({"taken": None, "sizes": (), "proven": None}, ("there is no good backup",)),
        ({"proven": None}, ("no drill has proven any of them",)),
        ({"proven": None, "proven_within": 0.0}, ()),
        ({"proven": NOW - timedelta(days=31)}, ("the last proof is 31 d old, and 30 d are allowed",)),
        ({"undrilled": "public.people has 3 rows instead of 4"}, ("the last drill failed: public.people has 3 rows instead of 4",)),
        ({"suspicious": "dump has 1 B"}, ("the newest backup is suspicious: dump has 1 B",)),
        ({"failing": NOW, "failed": "no room"}, ("failing since 2026-11-20 12:00 UTC: no room",)),
        ({"unended": NOW}, ("a run began at 2026-11-20 12:00 UTC and never ended",)),
        ({"odd": ("x: its signature does not fit",)}, ("x: its signature does not fit",)),
        ({"silent": "timed out", "taken": None, "proven": None}, ("the store cannot be read: timed out",)),
        (
            {"silent": "timed out", "taken": None, "failing": NOW, "failed": "timed out"},
            ("the store cannot be read: timed out", "failing since 2026-11-20 12:00 UTC: timed out"),
        ),
    ],
)
def test_what_is_wrong(changes: dict[str, Any], told: tuple[str, ...]) -> None:
    assert wrong(replace(GOOD, **changes)) == told


def test_a_trend_is_against_the_usual_size_and_unknown_where_little_is_known() -> None:
    assert replace(GOOD, sizes=(100, 100, 100, 103)).change == pytest.approx(0.03)
    assert replace(GOOD, sizes=(1, 1, 100, 200, 300, 400, 500, 150)).change == pytest.approx(-0.5)
    assert replace(GOOD, sizes=(100, 100, 103)).change is None


@pytest.mark.parametrize(
    ("sizes", "bars"), [((), ""), ((5,), ""), ((0, 0), "▁▁"), ((0, 7), "▁█"), ((7, 7, 0), "██▁"), (tuple(range(20)), "▅▆▆▇▇▇██")]
)
def test_sizes_as_bars(sizes: tuple[int, ...], bars: str) -> None:
    assert sparkline(sizes) == bars
