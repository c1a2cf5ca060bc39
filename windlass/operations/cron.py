"""Jobs of cron."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from windlass.errors import InventoryError
from windlass.operations.operation import Operation

_NICKNAMES: Final = ("@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _WEEKDAYS),
)
_PART: Final = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron(Operation):
    """A job in /etc/cron.d, in a file of its own that is replaced whole.

    name         the file's name: letters, digits, `-` and `_` only, because cron skips any other
    command      a line for /bin/sh; a `%` stands for itself
    schedule     five fields as cron knows them, "30 2 * * *", or "@daily" and its kind
    user         who runs it
    environment  variables set for the job, as they are (cron expands nothing)
    absent       there should be no such job
    """

    family: ClassVar[str] = "cron"

    name: str
    command: str = ""
    schedule: str = ""
    user: str = "root"
    environment: Mapping[str, str] = field(default_factory=dict)
    absent: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.name):
            raise InventoryError(
                f"{self.name!r} cannot name a cron job", hint="cron reads only files named with letters, digits, - and _"
            )
        if self.absent:
            return
        if not self.command.strip() or any("\n" in text for text in (self.command, *self.environment.values())):
            raise InventoryError(f"cron job {self.name}: the command must be one line", hint="put more into a script and call that")
        check_schedule(self.schedule, self.name)

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}cron job {self.name}"

    def content(self) -> str:
        """The file's text."""
        variables = "".join(f"{name}={_quoted(value)}\n" for name, value in self.environment.items())
        command = self.command.replace("%", "\\%")
        return f"# Written by Windlass: changes made here are lost.\n{variables}{self.schedule} {self.user} {command}\n"

    def arguments(self) -> Mapping[str, object]:
        return {
            "path": f"/etc/cron.d/{self.name}",
            "content": "" if self.absent else self.content(),
            "user": self.user,
            "absent": self.absent,
        }


def check_schedule(schedule: str, name: str) -> None:
    """Raises InventoryError, naming the job and the field, if cron would not understand this."""
    if schedule in _NICKNAMES:
        return
    parts = schedule.split()
    if len(parts) != len(_FIELDS):
        raise InventoryError(
            f"cron job {name}: {schedule!r} has {len(parts)} fields, not five",
            hint='write minute, hour, day, month, day of the week: "30 2 * * *", or "@daily"',
        )
    for text, (label, least, most, names) in zip(parts, _FIELDS, strict=True):
        for item in text.split(","):
            if not _valid(item, least, most, names):
                raise InventoryError(
                    f"cron job {name}: {item!r} is not a {label}",
                    hint=f"numbers from {least} to {most}, a-b, lists with commas, */n",
                )


def _valid(item: str, least: int, most: int, names: tuple[str, ...]) -> bool:
    match = _PART.fullmatch(item)
    if not match or (match[3] is not None and (int(match[3]) == 0 or (match[1] and not match[2]))):
        return False
    ends = [_number(text, least, names) for text in match.groups()[:2] if text]
    return all(end is not None and least <= end <= most for end in ends) and ends == sorted(ends, key=lambda end: end or 0)


def _number(text: str, least: int, names: tuple[str, ...]) -> int | None:
    if text.isdigit():
        return int(text)
    return names.index(text.lower()) + least if text.lower() in names else None


def _quoted(value: str) -> str:
    """cron strips blanks around a bare value; quotes keep it as it is."""
    return f'"{value}"' if value != value.strip() or not value else value
