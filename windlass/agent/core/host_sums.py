"""What root's agent remembers of the checksums of this host's files until the next boot (`host_memory`)."""

from __future__ import annotations

import hashlib
import os
from typing import Callable, Optional, Tuple

from windlass.agent.core import blocks
from windlass.agent.core.frames import Bytes
from windlass.agent.core.host_memory import is_roots, place
from windlass.agent.core.sums import SECOND, TICK, Measured, Sums, write_down

PRINTS = ".prints"  # ends the name of a file that holds those of a large file's blocks
PIECE = 1 << 18  # bytes that are read at once


def measured(path: str, _size: int) -> Measured:
    """Size and checksum of the very bytes that were read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # without Python's own files: there are thousands
    try:
        digest, size = hashlib.sha256(), 0
        for piece in iter(lambda: os.read(descriptor, PIECE), b""):
            digest.update(piece)
            size += len(piece)
        return size, digest.hexdigest()
    finally:
        os.close(descriptor)


class HostSums(Sums):
    """Those `of` one tree, or of one large file; of nothing they are not kept. Who is not root remembers nothing."""

    def __init__(self, of: str, reader: Callable[[str, int], Measured] = measured, since: int = 0) -> None:
        super().__init__(place(of), reader, since)

    def is_settled(self, status: os.stat_result, now: int) -> bool:
        """Whether every change after now will be seen."""
        return is_roots(status) and super().is_settled(status, now)


class _ByBlocks:
    """Reads a file for its checksum by blocks, and has their prints then."""

    def __init__(self, length: int) -> None:
        self.prints = b""
        self._length = length

    def __call__(self, path: str, _size: int) -> Measured:
        size, digest = blocks.measured(path, self._length)
        checksum, self.prints = digest.hexdigest(), bytes(digest.prints)
        return size, checksum


def checksum_of(path: str, keep: bool, like: str = "") -> str:
    """Of a large file; by blocks where that is how this one was made."""
    by_blocks = _ByBlocks(blocks.length_of(like)) if blocks.length_of(like) else None
    sums, status = HostSums(path, by_blocks or measured), os.stat(path)
    if blocks.length_of(sums.known("", status)) != blocks.length_of(like):
        sums.forget("")
    found = sums.measure("", path, status)[1]
    if keep:
        sums.keep()
        _keep_prints(path, by_blocks.prints if by_blocks else b"")
    return found


def known_blocks(path: str, like: str) -> Optional[Tuple[os.stat_result, bytes]]:
    """A file's status, and the prints of its blocks, of the length that they have in that checksum, if these are remembered."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    found, kept = HostSums(path).known("", status), place(path)
    if not (kept and blocks.length_of(found) == blocks.length_of(like) and is_roots(status)):
        return None
    prints = blocks.kept(kept + PRINTS, found)
    return None if prints is None else (status, prints)


def _keep_prints(path: str, prints: Bytes) -> None:
    kept = place(path)
    if kept and prints:
        write_down(kept + PRINTS, prints)


def wrote(path: str, installed: os.stat_result, checksum: str, prints: Bytes = b"") -> None:
    """This content, which has blocks of these prints, was written, and had this status when it got its name.

    The rename set the inode's time. A change since then would show in the time of change, which is older than the last tick.
    """
    status = os.lstat(path)
    same = _unmoved(status) == _unmoved(installed) and status.st_mtime_ns % SECOND
    if same and is_roots(status) and status.st_mtime_ns < status.st_ctime_ns - TICK:
        sums = HostSums(path)
        sums.note("", status, checksum)
        sums.keep()
        _keep_prints(path, prints)


def _unmoved(status: os.stat_result) -> object:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
