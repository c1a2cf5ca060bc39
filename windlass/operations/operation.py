"""What all operations have in common, and the content of files."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations import checksums

REMEMBERED_FROM = 4 * 1024 * 1024  # bytes of a file


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of the controller's that is content of an operation; only its checksum travels unless the host lacks it.

    checksum   SHA-256 of all of it; of a large one it may be that of its blocks, which says so (`agent/core/blocks.py`)
    """

    path: Path
    checksum: str
    size: int

    @classmethod
    def of(cls, path: Path) -> LocalFile:
        """Describe a file that is there now. It is read once for its checksum, however many hosts get it, as long as it stays."""
        return cls(path, *_measured(path.absolute(), _version(path), by_blocks=True))

    @classmethod
    def whole(cls, path: Path) -> LocalFile:
        """The same by SHA-256 of all of it, whatever its size: for content whose checksum is kept or compared elsewhere."""
        return cls(path, *_measured(path.absolute(), _version(path), by_blocks=False))


def _version(path: Path) -> tuple[int, ...]:
    is_now = path.stat()
    return is_now.st_ino, is_now.st_size, is_now.st_mtime_ns, is_now.st_ctime_ns


@functools.lru_cache(maxsize=1024)
def _measured(path: Path, version: tuple[int, ...], *, by_blocks: bool) -> tuple[str, int]:
    """Of a large file the checksum may be known from an earlier run; a small one is read sooner than looked up."""
    status = path.stat()
    if version[1] < REMEMBERED_FROM:
        size, checksum = checksums.measured(str(path), status.st_size)
    else:
        with checksums.measuring(str(path) if by_blocks else f"{path} whole", by_blocks=by_blocks) as measure:
            size, checksum = measure("", str(path), status)
    return checksum, size


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Something that should be true of a host, or be done on it.

    only_after   run only if one of these earlier operations of the batch changed something
    """

    family: ClassVar[str] = ""

    only_after: tuple[Operation, ...] = ()

    @classmethod
    def kind(cls) -> str:
        """`family.function`: the module and the function of the agent that do this operation."""
        return _kind(cls)  # type: ignore[arg-type]  # mypy looks for the hash of an instance

    def get_ready(self) -> None:
        """Do now what takes long and is the same for many hosts. Raises InventoryError for what can be seen to be wrong."""

    def title(self) -> str:
        """What it is, in a few words, for the screen."""
        return self.kind()

    def arguments(self) -> Mapping[str, object]:
        """What the agent's function gets: the fields by name, without the conditions on earlier operations."""
        return {name: getattr(self, name) for name in _arguments(type(self))}  # type: ignore[arg-type]  # the same

    def watched(self) -> Mapping[str, tuple[Operation, ...]]:
        """Earlier operations whose change this one must react to, in this run or, after a failure, in the next; by reaction.

        The agent's function finds the reactions that are due in its argument `notified`.
        """
        return {}


def check_place(path: str, mode: str = "", *, folder: bool = False) -> None:
    """Raises InventoryError for a path that is not whole, or a folder's for a file, and for a mode that is not octal text."""
    if not path.startswith("/") or "\0" in path:
        raise InventoryError(f"{path!r} is not a whole path on a host", hint="it begins with a slash; ~ is not known there")
    if path.endswith("/") and not folder:
        raise InventoryError(f"{path!r} ends in a slash, which no file does", hint="give the name in that folder, too")
    if mode and not (isinstance(mode, str) and re.fullmatch("0?[0-7]{3,4}", mode)):
        raise InventoryError(f"{path} cannot have the mode {mode!r}", hint='octal text, in quotes: "0644"')


@functools.cache
def _kind(kind: type[Operation]) -> str:
    function = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.__name__).lower()
    return f"{kind.family}.{function}"


@functools.cache
def _arguments(kind: type[Operation]) -> tuple[str, ...]:
    names = (field.name for field in dataclasses.fields(kind))
    return tuple(name for name in names if name != "only_after" and not name.endswith("_on"))
