"""Schedules of cron: when they come, and the same as systemd writes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from windlass.errors import UsageError
from windlass.plans.calendar import calendar, following, on_calendar, previous
from windlass.plans.dueness import due
from windlass.schedule import schedule as accepted


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# schedule, and systemd's own words for it; tests/lab/backups/test_schedule.py asks systemd whether both come at the same times
WRITTEN = [
    ("30 2 * * *", ("*-*-* 02:30:00 UTC",)),
    ("*/15 * * * *", ("*-*-* *:00,15,30,45:00 UTC",)),
    ("0 9-17/2 * * mon-fri", ("Mon,Tue,Wed,Thu,Fri *-*-* 09,11,13,15,17:00:00 UTC",)),
    ("5 0-6 1,15 * *", ("*-*-01,15 00..06:05:00 UTC",)),
    ("0 4 1 * sun", ("*-*-01 04:00:00 UTC", "Sun *-*-* 04:00:00 UTC")),
    ("0 4 */2 * 7", ("Sun *-*-01,03,05,07,09,11,13,15,17,19,21,23,25,27,29,31 04:00:00 UTC",)),
    ("0 0 29 feb *", ("*-02-29 00:00:00 UTC",)),
    ("* * * * 0-7", ("*-*-* *:*:00 UTC",)),
    ("@weekly", ("Sun *-*-* 00:00:00 UTC",)),
    ("@monthly", ("*-*-01 00:00:00 UTC",)),
]


@pytest.mark.parametrize(("schedule", "expressions"), WRITTEN)
def test_a_schedule_as_systemd_writes_it(schedule: str, expressions: tuple[str, ...]) -> None:
    assert on_calendar(calendar(accepted(schedule))) == expressions


@pytest.mark.parametrize(
    ("schedule", "now", "before", "after"),
    [
        ("30 2 * * *", "2026-11-20T02:30", "2026-11-20T02:30", "2026-11-21T02:30"),
        ("30 2 * * *", "2026-11-20T02:29:59", "2026-11-19T02:30", "2026-11-20T02:30"),
        ("*/15 * * * *", "2026-12-31T23:46", "2026-12-31T23:45", "2027-01-01T00:00"),
        ("0 4 1 * sun", "2026-11-20T12:00", "2026-11-15T04:00", "2026-11-22T04:00"),
        ("0 4 1 * sun", "2026-11-30T12:00", "2026-11-29T04:00", "2026-12-01T04:00"),
        ("0 0 29 2 *", "2026-11-20T12:00", "2024-02-29T00:00", "2028-02-29T00:00"),
        ("0 12 * * 7", "2026-11-22T12:00:01", "2026-11-22T12:00", "2026-11-29T12:00"),
    ],
)
def test_when_a_schedule_comes(schedule: str, now: str, before: str, after: str) -> None:
    times = calendar(schedule)

    assert (previous(times, at(now)), following(times, at(now))) == (at(before), at(after))


@pytest.mark.parametrize("schedule", ["0 0 31 2 *", "0 0 30,31 feb *"])
def test_what_never_comes_is_refused(schedule: str) -> None:
    with pytest.raises(UsageError, match="never comes"):
        calendar(accepted(schedule))


NIGHT = at("2026-11-20T02:30")


@pytest.mark.parametrize(
    ("last", "run", "why"),
    [
        (None, True, "no run was ever begun here"),
        (NIGHT - timedelta(days=1), True, "the run of 2026-11-20 02:30 was missed: the last one began at 2026-11-19 02:30"),
        (NIGHT, False, "a run began at 2026-11-20 02:30, and none was due since 2026-11-20 02:30"),
        (NIGHT + timedelta(hours=3), False, "a run began at 2026-11-20 05:30, and none was due since 2026-11-20 02:30"),
        (NIGHT + timedelta(days=9), False, "a run began at 2026-11-29 02:30, in the future of this clock"),
    ],
)
def test_a_run_that_nobody_began_is_made_up_for_once(last: datetime | None, run: bool, why: str) -> None:  # noqa: FBT001
    decided = due(NIGHT, last, NIGHT + timedelta(hours=6))

    assert (decided.run, decided.reason) == (run, why)
