"""Who may become whom."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Sudoers(Operation):
    """A rule of sudo in /etc/sudoers.d, which visudo finds good before it is installed.

    What could take the controller's own way to root away belongs into a `Guarded`, which is on trial.

    name      of the file: letters, digits, - and _
    user      who may, or
    group     the group of those who may
    commands  as sudoers writes them: whole paths; `,` `:` `=` and `\\` in them behind a backslash; "ALL" is any
    run_as    as whom; "ALL" is anybody
    password  they are asked for their own password
    absent    there should be no such rule
    """

    family: ClassVar[str] = "sudoers"

    name: str
    user: str = ""
    group: str = ""
    commands: tuple[str, ...] = ("ALL",)
    run_as: str = "root"
    password: bool = True
    absent: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.name):
            raise InventoryError(
                f"{self.name!r} cannot name a rule of sudo", hint="sudo skips files with a dot or a ~ in their names"
            )
        if self.absent:
            return
        if bool(self.user) == bool(self.group) or not self.commands:
            raise InventoryError(f"rule {self.name} of sudo: give user or group, and commands")
        if any("\n" in text for text in (self.user, self.group, self.run_as, *self.commands)):
            raise InventoryError(f"rule {self.name} of sudo: a value has more than one line")

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}rule {self.name} of sudo"

    def arguments(self) -> Mapping[str, object]:
        who = f"%{self.group}" if self.group else self.user
        tag = "" if self.password else "NOPASSWD: "
        rule = f"{who} ALL=({self.run_as}) {tag}{', '.join(self.commands)}\n"
        content = "" if self.absent else f"# Written by Windlass: changes made here are lost.\n{rule}"
        path = f"/etc/sudoers.d/{self.name}"
        return {"path": path, "content": content, "user": self.user, "group": self.group, "absent": self.absent}
