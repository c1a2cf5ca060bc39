"""A little room that is kept on the disk for going back: a full disk is one of the things that one goes back from.

A file beside an application's releases holds it. When there is hardly any room left, it gives its own to whoever has to write down
what serves; when there is plenty again, it is made anew.
"""

from __future__ import annotations

import os

NAME = "reserve"
SIZE = 1024 * 1024  # bytes: more than a switch and a supervisor's list of processes take
PLENTY = 64 * SIZE
FEW = 16  # files that can still be made


def give_way(root: str) -> None:
    """Before something small must be written: where there is no room for it, there is afterwards."""
    try:
        space = os.statvfs(root)
        if space.f_bavail * space.f_frsize < SIZE or (space.f_files and space.f_favail < FEW):
            os.unlink(os.path.join(root, NAME))
    except OSError:  # it is gone already, or there was none yet
        pass


def keep(root: str) -> None:
    """When a run has ended: have it for the next one, if it takes nothing from anybody."""
    path = os.path.join(root, NAME)
    try:
        space = os.statvfs(root)
        if space.f_bavail * space.f_frsize < PLENTY or os.stat(path).st_blocks * 512 >= SIZE:  # not its size: a copy may have holes
            return
    except FileNotFoundError:
        pass
    except OSError:
        return
    _make(path)


def _make(path: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, SIZE)
        finally:
            os.close(descriptor)
    except OSError:  # one that is too small is tried again
        pass
