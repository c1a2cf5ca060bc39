"""Single values of INI files and of files with `KEY=value` lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.operation import Operation
from windlass.values import Command, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class IniValue(Operation):
    """One value in one section. Comments, order, spaces and all other lines stay, and so do owner and mode of the file.

    A new value goes behind the line in which it is commented out, else to the end of its section; a new section to the end.

    section    without its brackets; empty: the lines before the first section, as in files of `KEY=value` lines
    key        as it is written; empty with `absent` removes the section
    value      the text behind the separator, quotes and all
    separator  between key and value in a new line; a line that is there keeps its own
    continued  whether what is indented deeper belongs to the value above it, as Python's configparser reads it. Without a word
               it does, unless it looks like a value of its own, which is refused: only you know what reads the file. What
               follows a backslash at a line's end (systemd) belongs to the value unless this is False
    absent     the value should not be there; all lines with this key go
    create     make the file if it is missing (root's, 0644); otherwise a missing file is an error
    validate   a command that must succeed before the file is installed; `%s` in it stands for the temporary file
    sensitive  never show the value in a diff (implied by a secret)
    """

    family: ClassVar[str] = "ini"

    path: str
    key: str
    value: str | Secret = ""
    section: str = ""
    separator: str = " = "
    continued: bool | None = None
    absent: bool = False
    create: bool = False
    validate: Command | None = None
    sensitive: bool = False

    def __post_init__(self) -> None:
        text = self.value.reveal() if isinstance(self.value, Secret) else self.value
        if "\n" in text + self.key + self.section:
            raise InventoryError(f"a value of {self.path} has more than one line", hint="INI files have one line for each")
        if not self.key and not (self.absent and self.section):
            raise InventoryError(f"no key of {self.path} is named", hint="give key; without one a section can only be absent")

    def title(self) -> str:
        where = f"[{self.section}] " if self.section else ""
        return f"{'no ' if self.absent else ''}{where}{self.key} in {self.path}"
