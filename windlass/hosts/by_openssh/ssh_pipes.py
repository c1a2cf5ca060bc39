"""The pipes to and from ssh: wide, and the one to it not filled again for each packet that ssh takes out."""

from __future__ import annotations

import fcntl
import time
from typing import Final

ROOM: Final = 1 << 20  # bytes of a pipe: what the kernel lets anybody have
ANSWERS: Final = 1 << 18  # of the one in which answers come: a user's pipes may hold 64 MiB in all
MUCH: Final = 1 << 16  # bytes: so many are worth being woken for
PAUSE: Final = 0.001  # seconds in which ssh takes out some, and far from all


def widen(pipe: int, room: int = ROOM) -> bool:
    """Let it hold more than the usual 64 KiB: content then costs us and ssh fewer turns. Whether it does."""
    try:
        return fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, room) >= room
    except (OSError, AttributeError):  # this user has too many of them; a Mac has one size
        return False


class Outgoing:
    """The pipe to ssh, which holds more than ssh takes at once, if it is wide."""

    def __init__(self, pipe: int) -> None:
        self._wide = widen(pipe)

    def after(self, count: int, left: int) -> None:
        """So many bytes fitted in, and so many are left: where these are much, let ssh take out some first."""
        if self._wide and count < MUCH <= left:
            time.sleep(PAUSE)
