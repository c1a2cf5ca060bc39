"""Groups of accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Operation):
    """A group.

    gid     number; None leaves it to the system
    system  a new group gets a number of the system's range
    absent  there should be no such group
    """

    family: ClassVar[str] = "group"

    name: str
    gid: int | None = None
    system: bool = False
    absent: bool = False

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}group {self.name}"
