"""Symbolic links."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.operation import Operation, check_place


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(Operation):
    """A symbolic link to this target, pointed elsewhere in one rename: who reads sees the old or the new, never none.

    target  what the link says; relative to the link's own folder. It need not exist
    force   a file or an empty directory in the link's place is replaced; otherwise it is an error
    absent  there should be no link; what is not a link is left alone with an error
    """

    family: ClassVar[str] = "link"

    path: str
    target: str = ""
    force: bool = False
    absent: bool = False

    def __post_init__(self) -> None:
        check_place(self.path)
        if not self.target and not self.absent:
            raise InventoryError(f"the link {self.path} points nowhere", hint="give its target")

    def title(self) -> str:
        return f"no link {self.path}" if self.absent else f"link {self.path} to {self.target}"
