"""A stored part that is read back while the rest of it still arrives: what the disk has already is hashed meanwhile.

The end of a backup would otherwise wait for the disk, and then for a checksum of all of it, with nothing else to do. What is
read was synced before, as it would be at the end, and counts only while the kernel says that nobody has changed the file.
"""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Final

from windlass.agent.core.sums import same

STEP: Final = 32 << 20  # bytes that are written before the disk is asked for them
sync = getattr(os, "fdatasync", os.fsync)  # a Mac has none
PIECE: Final = 4 << 20  # bytes: whoever hashes leaves Python's lock alone meanwhile, and has to wait for it after each


class ReadBehind:
    """Syncs a file that is being written, from behind, and takes its checksum if that `hashes`. `stop` it in any case."""

    def __init__(self, path: Path, *, hashes: bool) -> None:
        self._path = path
        self._hashes = hashes
        self._digest = hashlib.sha256()
        self._written = self._read = self._synced = 0
        self._news = threading.Condition()
        self._ended = self._broken = False
        self._thread: threading.Thread | None = None
        self._status: os.stat_result | None = None

    def wrote(self, count: int) -> None:
        """So many bytes more are in the file."""
        with self._news:
            self._written += count
            if self._written - self._synced < STEP:
                return
            self._news.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._follow, name="read behind", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Nothing more is written, whatever the reason."""
        with self._news:
            self._ended = True
            self._news.notify()
        if self._thread is not None:
            self._thread.join()

    def whole(self) -> None:
        """All of it is on the disk now; whoever changes it later is noticed. Raises OSError."""
        self._status = self._path.stat()

    def sha256(self) -> str:
        """Of all that is stored, read to its end; empty where it has to be read anew. Raises OSError."""
        with self._path.open("rb", buffering=0) as handle:
            status = self._status
            if self._broken or not self._hashes or status is None or not same(status, os.fstat(handle.fileno())):
                return ""
            self._take(handle.fileno(), status.st_size)
            return self._digest.hexdigest() if self._read == status.st_size else ""

    def _follow(self) -> None:
        """Over an opening of its own: what goes wrong with the disk is told again to the sync at the end, which counts."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._broken = True
            return
        try:
            while self._waited():
                self._catch_up(descriptor)
        except OSError:
            self._broken = True
        finally:
            os.close(descriptor)

    def _waited(self) -> bool:
        """Wait until there is enough; whether more is written at all."""
        with self._news:
            self._news.wait_for(lambda: self._ended or self._written - self._synced >= STEP)
            return not self._ended

    def _catch_up(self, descriptor: int) -> None:
        end = self._written
        sync(descriptor)
        self._synced = end
        if self._hashes:
            self._take(descriptor, end)

    def _take(self, descriptor: int, end: int) -> None:
        """Hash on, up to there or to where the file ends."""
        buffer = memoryview(bytearray(min(PIECE, max(end - self._read, 0))))
        while self._read < end:
            count = os.preadv(descriptor, [buffer[: end - self._read]], self._read)
            if not count:
                return
            self._digest.update(buffer[:count])
            self._read += count
