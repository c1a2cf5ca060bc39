"""What every store of backups promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal, Protocol

from windlass.operations.operation import Operation
from windlass.stores.manifest import Manifest, Pin, Proof
from windlass.stores.published import Listing, Stored

if TYPE_CHECKING:
    from windlass.stores.wanted import ReadLock

SWEPT_AFTER: Final = timedelta(days=1)  # what a crash left of a draft, a removal or a lock; a long run may be at work before
Answerer = Callable[[Mapping[str, Any]], Mapping[str, Any]]
Runner = Callable[[Operation, Answerer], Mapping[str, Any]]
"""Has an operation done on the database's host, answers what it asks meanwhile; its data. Raises HostError."""


class Source(Protocol):
    """Stored bytes that can be read, as those of a path can; as text, where they are."""

    def open(self, mode: Literal["rb"]) -> BinaryIO:
        """From the beginning. Reading raises OSError."""


class Delivery(Protocol):
    """One part on its way to the store."""

    def take(self, stream: int, chunk: bytes | memoryview) -> None:
        """A piece that came down the channel. Raises BackupError when the store does not take it: it may be full."""

    def answer(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the host asks: where it is to go. Raises BackupError."""

    def finish(self, told: Mapping[str, Any]) -> None:
        """The host has sent all, and says what that was. Raises BackupError if more or less has arrived.

        Whether it is the same is seen when it is read back.
        """


class Draft(Protocol):
    """A backup that is not one yet: nobody sees it until it is published, and it can be given up at any time."""

    @property
    def id(self) -> str:
        """What the backup will be called."""

    def delivery(self, part: str) -> AbstractContextManager[Delivery]:
        """Bring a part there; on leaving the block it is stored safely, or nothing of it stays. Raises BackupError."""

    def local(self, name: str) -> Path:
        """A file on the controller with what is stored of a part, to read it back. Raises BackupError where it is elsewhere."""

    def digest(self, part: str, size: int, run: Runner) -> str:
        """The SHA-256 of what is stored of a part of so many bytes, read to its end. Raises BackupError or HostError."""

    def publish(self, manifest: Manifest, instructions: str) -> Stored:
        """Add the manifest and make all of it visible under its final name, at once and durably. Raises BackupError."""

    def discard(self) -> None:
        """Give it up and remove what there is of it; what cannot be removed is swept later."""


class Store(Protocol):
    """A place for the backups of many databases, each under a name of its own.

    - A backup is visible whole or not at all: parts go to a draft, and publishing is one step that survives a power cut.
    - What was published never changes; proofs are added beside it, each under a name of its own.
    - What a crash left of a draft or of a removal is never listed. `sweep` removes it once it is older than a day.
    - What lies there and cannot be understood is listed as unreadable and left alone.
    - Nobody but the store's owner can read anything of it.
    """

    @property
    def place(self) -> str:
        """Where it is, for people."""

    def begin(self, name: str, backup_id: str) -> Draft:
        """Start a backup. Raises BackupError."""

    def listing(self, name: str) -> Listing:
        """What is there, oldest first. Raises BackupError when the store cannot be read."""

    def source(self, name: str, backup_id: str, part: str) -> Source:
        """A part, to be read on the controller. Raises BackupError if it is seen not to be there."""

    def digest(self, name: str, backup_id: str, part: str, size: int, run: Runner) -> str:
        """The same as a draft's, of a published backup."""

    def add_proof(self, name: str, proof: Proof) -> None:
        """Keep what came of trying a backup. Raises BackupError."""

    def set_pin(self, name: str, backup_id: str, pin: Pin | None) -> None:
        """Write down that a backup shall stay, or with None that it need not. Raises BackupError."""

    def lock(self, name: str, lock: ReadLock) -> None:
        """Keep a backup from being removed until `unlock`, at most for a day. Raises BackupError, also if it is gone."""

    def unlock(self, name: str, lock: ReadLock) -> None:
        """Whoever locked it does not need it any more. Raises BackupError."""

    def remove(self, name: str, backup_id: str) -> None:
        """Delete a backup; from the first moment on it is not listed any more. Raises RefusedError if it is pinned or locked.

        That is looked at when it is not listed any more, and then it comes back: whoever locked it until then is seen, and whoever
        comes later does not find it. Raises BackupError.
        """

    def sweep(self, name: str, now: datetime) -> tuple[str, ...]:
        """Remove what broken runs left more than a day ago; the names of it. Raises BackupError if the store is not reached."""
