"""What a check sees of places where a run could change nothing: mounted read-only, protected by chattr, or somebody else's."""

from __future__ import annotations

import errno
import fcntl
import os
import struct

GET_FLAGS = 0x80086601  # FS_IOC_GETFLAGS
IMMUTABLE, APPEND_ONLY = 0x10, 0x20


def need_writable(place: str, of_itself: bool) -> None:
    """Raises OSError where the run could not change what is there; `of_itself` only owner and mode, which takes no new name."""
    home = place if of_itself and os.path.exists(place) else _folder_above(place)
    if os.statvfs(home).f_flag & os.ST_RDONLY:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), place)
    if _flags(place) & (IMMUTABLE | APPEND_ONLY) or (not of_itself and _flags(home) & IMMUTABLE):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), place)
    if not of_itself and not os.access(home, os.W_OK | os.X_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), place)


def _folder_above(path: str) -> str:
    """The nearest that is there: those between are made."""
    folder = os.path.dirname(path)
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder


def _flags(path: str) -> int:
    """What lsattr shows; nothing where it cannot be told, as of a link."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return 0
    try:
        return int(struct.unpack("l", fcntl.ioctl(descriptor, GET_FLAGS, bytes(struct.calcsize("l"))))[0])
    except OSError:
        return 0
    finally:
        os.close(descriptor)
