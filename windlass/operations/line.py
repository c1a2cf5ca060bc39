"""Single lines of files that somebody else owns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.operation import Operation, check_place
from windlass.values import Command, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Line(Operation):
    """One line in a text file, in place of the last line that matches, or added.

    Where `match` finds nothing but the very line is there, nothing changes. Owner and mode of the file are kept.

    line       the whole line, without its end
    match      a regular expression (searched for, not anchored) for the line to replace, or to remove with `absent`
    absent     remove every line that matches, or, without `match`, every line that equals `line`
    after      where a new line goes: behind the last line that matches this regular expression, else the end; "EOF" is the end
    before     or in front of the last line that matches this one; "BOF" is the beginning of the file
    create     make the file if it is missing (root's, 0644); otherwise a missing file is an error
    validate   a command that must succeed before the file is installed; `%s` in it stands for the temporary file
    sensitive  never show the line in a diff (implied by a secret)
    """

    family: ClassVar[str] = "line"

    path: str
    line: str | Secret = ""
    match: str | None = None
    absent: bool = False
    after: str | None = None
    before: str | None = None
    create: bool = False
    validate: Command | None = None
    sensitive: bool = False

    def __post_init__(self) -> None:
        check_place(self.path)
        text = self.line.reveal() if isinstance(self.line, Secret) else self.line
        if "\n" in text:
            raise InventoryError(f"the line for {self.path} has more than one line", hint="give one Line for each")
        if self.absent and not text and self.match is None:
            raise InventoryError(f"no line of {self.path} is named to be absent", hint="give line or match")
        for expression in (self.match, self.after, self.before):
            check_expression(expression, self.path)

    def title(self) -> str:
        what = self.match if self.match is not None else str(self.line)
        return f"{'no ' if self.absent else ''}line {what} in {self.path}"


def check_expression(expression: str | None, path: str) -> None:
    """Raises InventoryError for what is no regular expression, and for an empty one."""
    if expression == "":
        raise InventoryError(f"an empty regular expression (for {path}) matches every line", hint="leave it out, or say which line")
    try:
        re.compile(expression or "")
    except re.error as error:
        raise InventoryError(
            f"{expression!r} (for a line of {path}) is not a regular expression: {error}",
            hint="put a backslash before characters that stand for themselves",
        ) from None
