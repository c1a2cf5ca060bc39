"""What every store of backups promises."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from windlass.stores.manifest import Listing, Manifest, Pin, Proof, Stored


class Writer(Protocol):
    """A part being written."""

    def write(self, chunk: bytes) -> None:
        """Add to it. Raises BackupError when the store does not take it, for instance because it is full."""


class Draft(Protocol):
    """A backup that is not one yet: nobody sees it until it is published, and it can be given up at any time."""

    @property
    def id(self) -> str:
        """What the backup will be called."""

    def part(self, name: str) -> AbstractContextManager[Writer]:
        """Write a part; on leaving the block it is safely stored. Raises BackupError."""

    def local(self, name: str) -> Path:
        """A file on the controller with what is stored of a part, to read it back before publishing."""

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
        """What is there, oldest first."""

    def local(self, name: str, backup_id: str, part: str) -> Path:
        """A file on the controller that holds a part. Raises BackupError if the part is not there."""

    def add_proof(self, name: str, proof: Proof) -> None:
        """Keep what came of trying a backup. Raises BackupError."""

    def set_pin(self, name: str, backup_id: str, pin: Pin | None) -> None:
        """Write down that a backup shall stay, or with None that it need not. Raises BackupError."""

    def remove(self, name: str, backup_id: str) -> None:
        """Delete a backup; from the first moment on it is not listed any more. Raises BackupError."""

    def sweep(self, name: str, now: datetime) -> tuple[str, ...]:
        """Remove what broken runs left more than a day ago; the names of it."""
