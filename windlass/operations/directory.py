"""Directories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from windlass.operations.operation import Operation, check_place


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory(Operation):
    """A directory with this owner and mode; missing parents are made, too (root's, 0755).

    owner, group  empty leaves them alone
    mode          permission bits as octal text, "0755"; empty leaves them alone
    recursive     owner and group hold for everything below, too (links are not followed, modes are left alone)
    absent        the directory should not be there; everything in it goes. Directories of the system are refused,
                  and so is one with a mounted file system in it
    """

    family: ClassVar[str] = "directory"

    path: str
    owner: str = "root"
    group: str = "root"
    mode: str = "0755"
    recursive: bool = False
    absent: bool = False

    def __post_init__(self) -> None:
        check_place(self.path, self.mode, folder=True)

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}directory {self.path}"
