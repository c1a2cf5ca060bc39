"""A schedule as cron writes it, read closely enough to refuse what cron would not run, or not as it was meant."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

NICKNAMES: Final = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final[tuple[tuple[str, int, int, tuple[str, ...]], ...]] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, MONTHS),
    ("day of the week", 0, 7, DAYS),
)
_PART: Final = re.compile(r"(\*|[0-9A-Za-z]+(?:-[0-9A-Za-z]+)?)(?:/([0-9]+))?")


def schedule(text: str, nicknames: Collection[str] = NICKNAMES) -> str:
    """The schedule on one line, when cron would run it. Raises ValueError that says which of the five fields is wrong."""
    if text in nicknames:
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
    return " ".join(fields)  # a block of YAML (`|`) ends with a new line, which would cut cron's line in two


def _check_part(part: str, name: str, limits: tuple[int, int], words: tuple[str, ...]) -> None:
    low, high = limits
    match = _PART.fullmatch(part)
    if not match:
        raise ValueError(f"is not a schedule: the {name} {part!r} is neither `*`, a number, a range `1-5` nor a step `*/10`")
    span, step = match.groups()
    if step is not None and not 1 <= int(step) <= high:
        raise ValueError(f"is not a schedule: the step /{step} of the {name} should be from 1 to {high}")
    if span == "*":
        return
    ends = [_number(word, words, low) for word in span.split("-")]
    if any(end is None or not low <= end <= high for end in ends):
        raise ValueError(f"is not a schedule: the {name} {part!r} should be from {low} to {high}")
    if step is not None and len(ends) == 1:  # some crons take the step for nothing, others for `to the end`
        raise ValueError(
            f"means different things to different crons: the {name} {part!r}; write {span}-{high}/{step}, or the numbers themselves"
        )
    if len(ends) == 2 and (ends[0] or 0) > (ends[1] or 0):
        raise ValueError(f"is not a schedule: the {name} {part!r} runs backwards")


def _number(word: str, words: tuple[str, ...], low: int) -> int | None:
    if word.lower() in words:
        return words.index(word.lower()) + low
    return int(word) if word.isdigit() else None
