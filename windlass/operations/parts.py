"""What a backup holds besides a database: folders, configuration, Redis; sent to the store, read once more, brought back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from windlass.operations.database import LONG
from windlass.operations.operation import LocalFile, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack(Operation):
    """Send an archive (GNU tar) of a folder or of some paths in it, as `Dump` sends a dump.

    folder    where the archive's names begin
    paths     what of it is packed: paths or patterns, each of which must fit something; `.` is the folder itself
    exclude   patterns of what is left out, as tar's --exclude takes them
    A file that changes or vanishes while it is read fails nothing; tar's line about it is told.
    Data: that of `Dump` about what was sent; `entries`, `changed` (at most a dozen lines), `taken` (seconds since 1970).
    """

    family: ClassVar[str] = "parts"

    folder: str
    paths: tuple[str, ...] = (".",)
    exclude: tuple[str, ...] = ()
    stream: int = 1
    recipients: tuple[str, ...] = ()
    limit_seconds: float = LONG

    def title(self) -> str:
        return f"pack {self.folder}" if self.paths == (".",) else f"pack {', '.join(self.paths)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRedis(Operation):
    """Have a Redis write all it holds (it forks for that), check it with redis-check-rdb, and send it as `Dump` sends a dump.

    configuration   its file on the host, from which address, port and password are read; the password never leaves the host
    Data: that of `Dump` about what was sent; `entries` (keys), `taken` (seconds since 1970).
    """

    family: ClassVar[str] = "parts"

    configuration: str
    stream: int = 1
    recipients: tuple[str, ...] = ()
    limit_seconds: float = LONG

    def title(self) -> str:
        return "copy Redis"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyPart(Operation):
    """Decode a stored part to its end on the host, without it landing on a disk there; an archive is listed to its end.

    archive   whether it is one
    Data: `raw_bytes`, and of an archive `entries`.
    """

    family: ClassVar[str] = "parts"

    content: LocalFile
    archive: bool
    limit_seconds: float = LONG

    def title(self) -> str:
        return "decode the part to its end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpack(Operation):
    """Bring a part back as a new folder (an archive) or a new file (a Redis), whole or not at all; nothing is ever overwritten.

    path       what is made; its parent must be there
    archive    whether it is an archive
    raw_bytes  that it holds, for which there must be room
    entries    that have to come out: members of the archive, or keys of the Redis
    passing    a rehearsal: it is made in a folder of Windlass's own, counted, and taken away again
    Data: `entries`, `seconds`.
    """

    family: ClassVar[str] = "parts"

    content: LocalFile
    path: str
    archive: bool
    raw_bytes: int = 0
    entries: int = 0
    passing: bool = False
    limit_seconds: float = LONG

    def title(self) -> str:
        return f"unpack into {self.path}"
