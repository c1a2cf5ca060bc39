"""When log files are set aside, and for how long they are kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from windlass.errors import InventoryError
from windlass.operations.operation import Operation

USUAL = ("compress", "delaycompress", "missingok", "notifempty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Logrotate(Operation):
    """Rotation of log files in /etc/logrotate.d, which logrotate itself finds good before it is installed.

    name     of the file
    paths    of the logs; `*` and its kind are logrotate's
    every    hourly wants a timer that calls logrotate as often
    keep     how many old ones
    options  further lines as logrotate knows them: "copytruncate", "create 0640 www-data adm", "size 100M"
    after    a line for /bin/sh after the rotation, such as a reload
    absent   there should be no such rotation; the logs stay
    """

    family: ClassVar[str] = "logrotate"

    name: str
    paths: tuple[str, ...] = ()
    every: Literal["hourly", "daily", "weekly", "monthly", "yearly"] = "daily"
    keep: int = 14
    options: tuple[str, ...] = USUAL
    after: str = ""
    absent: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.name):
            raise InventoryError(f"{self.name!r} cannot name a rotation", hint="letters, digits, - and _")
        if self.absent:
            return
        if not self.paths or any(not path.startswith("/") for path in self.paths):
            raise InventoryError(f"rotation {self.name}: the paths of the logs are needed, from / on")
        if any("\n" in text for text in (*self.paths, *self.options)):
            raise InventoryError(f"rotation {self.name}: a value has more than one line")

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}rotation {self.name}"

    def content(self) -> str:
        """The file's text."""
        script = ["sharedscripts", "postrotate", f"    {self.after}", "endscript"] if self.after else []
        lines = [self.every, f"rotate {self.keep}", *self.options, *script]
        paths = " ".join(f'"{path}"' for path in self.paths)
        body = "".join(f"    {line}\n" for line in lines)
        return f"# Written by Windlass: changes made here are lost.\n{paths} {{\n{body}}}\n"

    def arguments(self) -> Mapping[str, object]:
        content = "" if self.absent else self.content()
        return {"path": f"/etc/logrotate.d/{self.name}", "content": content, "absent": self.absent}
