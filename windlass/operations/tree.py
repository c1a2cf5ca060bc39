"""Whole directories that are kept like a local one."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.local_tree import LocalTree
from windlass.operations.operation import Operation

# Nobody means these with `delete`; a path that ends in an empty variable does.
PROTECTED = frozenset([
    "/", "/bin", "/boot", "/dev", "/etc", "/etc/ssh", "/etc/ssl", "/etc/systemd", "/home", "/lib", "/lib64", "/proc", "/root",
    "/run", "/sbin", "/srv", "/sys", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/sbin", "/usr/share", "/var", "/var/cache",
    "/var/lib", "/var/log", "/var/spool",
])  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree(Operation):
    """A directory that holds what a local one holds: files, links, directories, also empty ones.

    Files are compared by content; only what the host lacks travels, in one stream, and of a large file only the blocks that differ.
    All of it is on the host's disk before the first name changes, and each file is replaced by a rename.

    source          what `LocalTree.of` found, with its patterns
    owner, group    of everything; empty leaves them as they are
    file_mode       octal text for all files; empty: 0755 if the local file is executable, else 0644, as git has it;
                    "keep": the local bits
    directory_mode  octal text, or "keep"
    delete          remove what the local directory does not have, but for what its patterns leave out; it also lets a file
                    take the place of a directory and the other way round. Refused for directories of the system
    compress        for slow lines: costs more time than it saves on a fast one
    sensitive       never show what is in the files
    """

    family: ClassVar[str] = "tree"

    source: LocalTree
    path: str
    owner: str = "root"
    group: str = "root"
    file_mode: str = ""
    directory_mode: str = "0755"
    delete: bool = False
    compress: bool = False
    sensitive: bool = False

    def __post_init__(self) -> None:
        for mode in (self.file_mode, self.directory_mode):
            if not re.fullmatch("|keep|0?[0-7]{3}", mode):
                raise InventoryError(
                    f"the tree {self.path} cannot have the mode {mode!r}", hint='octal text such as "0644", or "keep"'
                )

        if self.delete and os.path.normpath(self.path).replace("//", "/") in PROTECTED:
            raise InventoryError(
                f"with delete, all of {self.path} that is not in {self.source.root.name} would go: it is a directory of the system",
                hint="name a directory inside it, or leave delete out",
            )

    def title(self) -> str:
        return f"tree {self.source.root.name} in {self.path}"
