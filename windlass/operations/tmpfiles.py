"""Folders and files that systemd makes and cleans."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Tmpfiles(Operation):
    """Lines of tmpfiles.d(5) in a file of their own, applied at once and at each boot: what belongs into /run, what is cleaned.

    name    of the file
    lines   such as "d /run/shop 0750 shop www-data -"
    absent  there should be no such file; what it made stays
    """

    family: ClassVar[str] = "tmpfiles"

    name: str
    lines: tuple[str, ...] = ()
    absent: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", self.name):
            raise InventoryError(f"{self.name!r} cannot name a file of tmpfiles.d", hint="letters, digits, - _ and .")
        if not self.absent and not any(line.strip() for line in self.lines):
            raise InventoryError(f"tmpfiles {self.name} has no lines", hint='lines=("d /run/shop 0750 shop www-data -",)')

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}tmpfiles {self.name}"

    def arguments(self) -> Mapping[str, object]:
        content = "# Written by Windlass: changes made here are lost.\n" + "".join(f"{line}\n" for line in self.lines)
        path = f"/etc/tmpfiles.d/{self.name.removesuffix('.conf')}.conf"
        return {"path": path, "content": "" if self.absent else content, "absent": self.absent}
