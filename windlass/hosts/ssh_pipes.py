"""The pipes to and from ssh, which fills and empties them by packets: it is worth more to be woken once than for each of these."""

from __future__ import annotations

import fcntl
import time
from typing import Final

ROOM: Final = 1 << 20  # bytes of a pipe: what the kernel lets anybody have
ANSWERS: Final = 1 << 18  # of the one in which answers come: a user's pipes may hold 64 MiB in all
PACKET: Final = 1 << 14  # bytes: so many at once are content on its way
MUCH: Final = 1 << 16  # bytes: so many are worth being woken for
PAUSE, LONGEST_PAUSE = 0.001, 0.008  # seconds that they may gather


def widen(pipe: int, room: int = ROOM) -> bool:
    """Let it hold more than the usual 64 KiB: content then costs us and ssh fewer turns. Whether it does."""
    try:
        return fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, room) >= room
    except (OSError, AttributeError):  # this user has too many of them; a Mac has one size
        return False


class Outgoing:
    """The pipe to ssh, which holds more than it takes at once, if it is wide."""

    def __init__(self, pipe: int) -> None:
        self._wide = widen(pipe)

    def after(self, count: int, left: int) -> None:
        """So many bytes fitted in, and so many are left: where these are much, let ssh take out some first."""
        if self._wide and count < MUCH <= left:
            time.sleep(PAUSE)


class Incoming:
    """The pipe from ssh: content gathers in it, if it is wide, the longer the slower it comes."""

    def __init__(self, pipe: int) -> None:
        self._wide = widen(pipe, ANSWERS)
        self._pause = 0.0

    def before(self) -> None:
        """It is about to be read."""
        if self._pause:
            time.sleep(self._pause)

    def after(self, count: int) -> None:
        """So many bytes had come."""
        some = self._wide and PACKET <= count < MUCH
        self._pause = min(LONGEST_PAUSE, 2 * self._pause or PAUSE) if some else 0.0
