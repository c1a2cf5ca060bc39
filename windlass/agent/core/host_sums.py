"""What root's agent remembers of the checksums of this host's files until the next boot, in a folder that root alone may look into.

Only files that root alone may write count: whoever else has mapped one into memory can change it for some seconds without a sign.
"""

from __future__ import annotations

import hashlib
import os
import stat

from windlass.agent.core.private import alone
from windlass.agent.core.sums import SECOND, TICK, Measured, Sums, named

FOLDER = "/run/windlass/sums"
PIECE = 1 << 18  # bytes that are read at once


class HostSums(Sums):
    """Those `of` one tree, or of one large file; of nothing they are not kept. Who is not root remembers nothing."""

    def __init__(self, of: str) -> None:
        super().__init__(_place(of), measured)

    def is_settled(self, status: os.stat_result, now: int) -> bool:
        """Whether every change after now will be seen."""
        return _is_roots(status) and super().is_settled(status, now)


def sha256_of(path: str, keep: bool) -> str:
    """Of a large file."""
    sums = HostSums(path)
    found = sums.measure("", path, os.stat(path))[1]
    if keep:
        sums.keep()
    return found


def wrote(path: str, installed: os.stat_result, sha256: str) -> None:
    """This content was written, and had this status when it got its name.

    The rename set the inode's time. A change since then would show in the time of change, which is older than the last tick.
    """
    status = os.lstat(path)
    same = _unmoved(status) == _unmoved(installed) and status.st_mtime_ns % SECOND
    if same and _is_roots(status) and status.st_mtime_ns < status.st_ctime_ns - TICK:
        sums = HostSums(path)
        sums.note("", status, sha256)
        sums.keep()


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


def _place(of: str) -> str:
    if not of or os.geteuid():
        return ""
    try:
        return os.path.join(alone(FOLDER), named(of))
    except OSError:  # somebody else's, or there is no room
        return ""


def _is_roots(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_uid == 0 and not status.st_mode & 0o022


def _unmoved(status: os.stat_result) -> object:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
