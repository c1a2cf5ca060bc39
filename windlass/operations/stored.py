"""Backups that rest in a folder of a host: taking them in part by part, writing beside them, reading and removing them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored(Operation):
    """Of the backups called `name` in the folder `root`."""

    family: ClassVar[str] = "stored"

    root: str
    name: str

    def title(self) -> str:
        return f"{self.kind().partition('.')[2].replace('_', ' ')} of {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginDraft(_Stored):
    """Make the draft's folder."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receive(_Stored):
    """Listen on a port for the parts of a file until it is finished or the link ends; nothing is let in before it is expected."""

    id: str
    part: str
    address: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectPart(_Stored):
    """Let one part in, once, at the path `token`: so many bytes with this SHA-256."""

    token: str
    number: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishPart(_Stored):
    """No further part of a file. Data: `bytes` and `parts` that are there."""

    id: str
    part: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRecord(_Stored):
    """A small file in a backup's folder, or a draft's; `content` in base64."""

    folder: str
    file: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DropRecord(_Stored):
    """Remove a small file."""

    folder: str
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishDraft(_Stored):
    """Give a draft its final name."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardDraft(_Stored):
    """Give a draft up."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveStored(_Stored):
    """Delete a backup, unless a file beside it says that somebody wants it. Data: that `file`, and its `content` in base64.

    pin   the file that keeps it for as long as it is there
    lock  how the names of files begin that keep it until they are `lock_seconds` old
    """

    id: str
    pin: str
    lock: str
    lock_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ListStored(_Stored):
    """The backups and their small files, down a stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HashStored(_Stored):
    """Read what is stored of a part to its end, there. Data: `sha256`."""

    folder: str
    part: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadStored(_Stored):
    """What is stored of a part, down a stream."""

    folder: str
    part: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepStored(_Stored):
    """Remove drafts and removals in which nothing was written for `older_than` seconds. Data: `swept`, their names.

    ahead  seconds that are added to the host's clock
    """

    older_than: float
    ahead: float = 0.0
