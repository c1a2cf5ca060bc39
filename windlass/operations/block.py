"""Blocks of lines in files that somebody else owns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from windlass.errors import InventoryError
from windlass.operations.line import check_expression
from windlass.operations.operation import Operation, check_place
from windlass.values import Command, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Block(Operation):
    """Lines between two markers in a text file. A block that is there stays where it is; owner and mode of the file are kept.

    name           tells the blocks of one file apart; it stands in the markers, `# BEGIN windlass NAME` and `# END windlass NAME`
    block          the lines
    comment        what begins a comment in this file, and what ends it: ("#", ""), ("<!--", "-->")
    absent         remove the block with its markers
    after, before  where a new block goes, as for `Line`: behind, or in front of, the last line that matches; "BOF" is the beginning
    create         make the file if it is missing (root's, 0644); otherwise a missing file is an error
    validate       a command that must succeed before the file is installed; `%s` in it stands for the temporary file
    sensitive      never show the lines in a diff (implied by a secret)
    """

    family: ClassVar[str] = "block"

    path: str
    name: str
    block: str | Secret = ""
    comment: tuple[str, str] = ("#", "")
    absent: bool = False
    after: str | None = None
    before: str | None = None
    create: bool = False
    validate: Command | None = None
    sensitive: bool = False

    def __post_init__(self) -> None:
        check_place(self.path)
        if not self.name or "\n" in "".join((self.name, *self.comment)):
            raise InventoryError(
                f"a block of {self.path} needs a name of one line", hint="the name tells the blocks of a file apart"
            )
        markers = self._markers()
        text = self.block.reveal() if isinstance(self.block, Secret) else self.block
        if any(line in markers for line in text.splitlines()):
            raise InventoryError(
                f"the block {self.name} for {self.path} holds its own markers", hint="leave them out; they are added"
            )
        for expression in (self.after, self.before):
            check_expression(expression, self.path)

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}block {self.name} in {self.path}"

    def arguments(self) -> Mapping[str, object]:
        """The fields, but the markers as they stand in the file."""
        begin, end = self._markers()
        plain: dict[str, Any] = dict(Operation.arguments(self))
        del plain["name"], plain["comment"]
        return plain | {"begin": begin, "end": end}

    def _markers(self) -> tuple[str, str]:
        opening, closing = self.comment
        begin, end = (f"{opening} {word} windlass {self.name} {closing}".strip() for word in ("BEGIN", "END"))
        return begin, end
