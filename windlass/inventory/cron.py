"""Reads a schedule as cron writes it, closely enough to refuse what cron would not run."""

from __future__ import annotations

import re

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
_NICKNAMES = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")


def check_schedule(text: str) -> str:
    """The schedule itself, when cron would run it. Raises ValueError that says which of the five fields is wrong."""
    if text in _NICKNAMES:
        return text
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(
            f"is not a schedule: {text!r} has {len(fields)} fields, cron wants five "
            "(minute, hour, day of the month, month, day of the week), such as `30 2 * * *`"
        )
    for written, (name, low, high, words) in zip(fields, _FIELDS, strict=True):
        for part in written.split(","):
            _check_part(part, name, (low, high), words)
    return text


def _check_part(part: str, name: str, limits: tuple[int, int], words: tuple[str, ...]) -> None:
    low, high = limits
    match = re.fullmatch(r"(\*|\w+(?:-\w+)?)(?:/(\d+))?", part)
    if not match:
        raise ValueError(f"is not a schedule: the {name} {part!r} is neither `*`, a number, a range `1-5` nor a step `*/10`")
    if match[2] is not None and not 1 <= int(match[2]) <= high:
        raise ValueError(f"is not a schedule: the step /{match[2]} of the {name} should be from 1 to {high}")
    if match[1] == "*":
        return
    ends = [_number(word, words, low) for word in match[1].split("-")]
    if any(end is None or not low <= end <= high for end in ends):
        raise ValueError(f"is not a schedule: the {name} {part!r} should be from {low} to {high}")
    if len(ends) == 2 and (ends[0] or 0) > (ends[1] or 0):
        raise ValueError(f"is not a schedule: the {name} {part!r} runs backwards")


def _number(word: str, words: tuple[str, ...], low: int) -> int | None:
    if word.lower() in words:
        return words.index(word.lower()) + low
    return int(word) if word.isdigit() else None
