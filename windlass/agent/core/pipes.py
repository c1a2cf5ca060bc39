"""The pipes that a login hands to the agent, and the sockets over which somebody comes back: how much at once, and no waiting."""

from __future__ import annotations

import fcntl
import os
import select
import stat
from typing import TYPE_CHECKING, Callable, Optional, Tuple

from windlass.agent.core.buffers import Buffers

if TYPE_CHECKING:
    import socket

AT_ONCE = 256 * 1024  # bytes that are offered to a pipe which takes what fits
ROOM = 1024 * 1024  # bytes of a pipe: what the kernel lets anybody have
F_SETPIPE_SZ = 1031  # which Python's fcntl has since 3.10


def impatient(sink: int) -> Tuple[Optional[int], int]:
    """A pipe opened anew, so that writing to it waits for nothing while others that have it may still wait, and how many bytes to
    write at once. What is no pipe is not, and gets what fits for sure when it takes anything."""
    try:
        if stat.S_ISFIFO(os.fstat(sink).st_mode):
            return os.open("/proc/self/fd/%d" % sink, os.O_WRONLY | os.O_NONBLOCK), AT_ONCE
    except OSError:
        pass
    return None, select.PIPE_BUF


def widen(source: int) -> None:
    """Let a pipe hold more than the usual 64 KiB: each filling of it is a turn of sshd, of us, and a word to the controller."""
    try:
        fcntl.fcntl(source, F_SETPIPE_SZ, ROOM)
    except OSError:  # it is no pipe, or this user has too many of them
        pass


def reader(source: int) -> Callable[[int], bytearray]:
    """What reads so many bytes to where they stay until nobody looks at them. Raises EOFError where it ends before."""
    buffers = Buffers()

    def exactly(length: int) -> bytearray:
        whole = buffers.take(length)
        rest = memoryview(whole)
        while rest:
            count = os.readv(source, [rest])
            if not count:
                raise EOFError
            rest = rest[count:]
        return whole

    return exactly


def received(connection: socket.socket, length: int) -> bytes:
    """So many bytes from a socket. Raises EOFError where it ends before, OSError past its time."""
    data = b""
    while len(data) < length:
        piece = connection.recv(length - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data
