"""Jobs of cron."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.operation import Operation
from windlass.schedule import NICKNAMES, schedule


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
        try:
            schedule(self.schedule, (*NICKNAMES, "@reboot"))
        except ValueError as error:
            raise InventoryError(
                f"cron job {self.name}: its schedule {error}", hint='"30 2 * * *", or "@daily" and its kind'
            ) from None

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}cron job {self.name}"

    def content(self) -> str:
        """The file's text."""
        variables = "".join(f"{name}={_quoted(value)}\n" for name, value in self.environment.items())
        command, when = self.command.replace("%", "\\%"), " ".join(self.schedule.split())
        return f"# Written by Windlass: changes made here are lost.\n{variables}{when} {self.user} {command}\n"

    def arguments(self) -> Mapping[str, object]:
        return {
            "path": f"/etc/cron.d/{self.name}",
            "content": "" if self.absent else self.content(),
            "user": self.user,
            "absent": self.absent,
        }


def _quoted(value: str) -> str:
    """cron strips blanks around a bare value; quotes keep it as it is."""
    return f'"{value}"' if value != value.strip() or not value else value
