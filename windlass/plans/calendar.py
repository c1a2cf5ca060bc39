"""When something that is scheduled as cron writes it happens: the times themselves, and the same as systemd writes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Final

from windlass.errors import UsageError
from windlass.schedule import DAYS, MONTHS

YEARS: Final = 8  # 29 February, with the one of 2100 missing, comes within so many

_NICKNAMES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_LIMITS: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


@dataclass(frozen=True, slots=True)
class Calendar:
    """The minutes at which something happens. Days of the week count from Sunday, 0.

    either   a day counts when the day of the month or that of the week fits: what cron does where both are restricted
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    either: bool = False

    def on(self, day: date) -> bool:
        """Whether anything happens on that day."""
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and (of_month or of_week if self.either else of_month and of_week)


def calendar(schedule: str) -> Calendar:
    """Read a schedule that the inventory has accepted. Raises UsageError for what never comes (31 February)."""
    fields = _NICKNAMES.get(schedule, schedule).split()
    words: tuple[Sequence[str], ...] = ((), (), (), MONTHS, DAYS)
    minutes, hours, days, months, weekdays = (
        _numbers(field, limits, names) for field, limits, names in zip(fields, _LIMITS, words, strict=True)
    )
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    found = Calendar(minutes, hours, days, months, tuple(sorted({number % 7 for number in weekdays})), either)
    if next(_days(found, date(2000, 1, 1), 1), None) is None:
        raise UsageError(f"the schedule {schedule!r} never comes: no such day is in these months", hint="see crontab(5)")
    return found


def previous(times: Calendar, moment: datetime) -> datetime:
    """The last time at or before a moment of the wall clock that the schedule is meant for."""
    for day in _days(times, moment.date(), -1):
        for at in _times(times, descending=True):
            if datetime.combine(day, at, moment.tzinfo) <= moment:
                return datetime.combine(day, at, moment.tzinfo)
    raise AssertionError("a calendar has a day within so many years")


def following(times: Calendar, moment: datetime) -> datetime:
    """The first time after a moment of the wall clock that the schedule is meant for."""
    for day in _days(times, moment.date(), 1):
        for at in _times(times, descending=False):
            if datetime.combine(day, at, moment.tzinfo) > moment:
                return datetime.combine(day, at, moment.tzinfo)
    raise AssertionError("a calendar has a day within so many years")


def on_calendar(times: Calendar) -> tuple[str, ...]:
    """The same in UTC as systemd's OnCalendar= takes it (systemd.time(7)); several of them mean one or another.

    systemd wants both days to fit; where cron wants either, there is one expression for each.
    """
    clock = f"{_written(times.hours, 24, 2)}:{_written(times.minutes, 60, 2)}:00 UTC"
    months = _written(times.months, 12, 2)
    month_days = f"*-{months}-{_written(times.days, 31, 2)} {clock}"
    names = _weekdays(times.weekdays)
    if times.either:
        return (month_days, f"{names}*-{months}-* {clock}")
    return (f"{names}{month_days}",)


def _numbers(field: str, limits: tuple[int, int], names: Sequence[str]) -> tuple[int, ...]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        low, high = limits if span == "*" else (_number(first, names, limits[0]), _number(last or first, names, limits[0]))
        found |= set(range(low, high + 1, int(step or 1)))
    return tuple(sorted(found))


def _number(word: str, names: Sequence[str], low: int) -> int:
    return names.index(word.lower()) + low if word.lower() in names else int(word)


def _days(times: Calendar, start: date, step: int) -> Iterator[date]:
    """The days on which anything happens, from one on, forwards or backwards."""
    for distance in range(366 * YEARS):
        day = start + timedelta(days=distance * step)
        if times.on(day):
            yield day


def _times(times: Calendar, *, descending: bool) -> Iterator[time]:
    for hour in sorted(times.hours, reverse=descending):
        for minute in sorted(times.minutes, reverse=descending):
            yield time(hour, minute)


def _written(numbers: Sequence[int], count: int, width: int) -> str:
    """Numbers as systemd reads them: `*`, `02`, `09..17`, `00,15,30,45`."""
    if len(numbers) == count:
        return "*"
    return ",".join(f"{run[0]:0{width}}" if len(run) == 1 else f"{run[0]:0{width}}..{run[-1]:0{width}}" for run in _runs(numbers))


def _weekdays(numbers: Sequence[int]) -> str:
    if len(numbers) == len(DAYS):
        return ""
    return ",".join(DAYS[number].title() for number in numbers) + " "


def _runs(numbers: Sequence[int]) -> list[list[int]]:
    """Numbers that follow on each other, together."""
    runs = [[numbers[0]]]
    for before, number in pairwise(numbers):
        if number == before + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs
