"""A command at the other end of a connection that libssh2 carries.

libssh2 lets one thread at a time at a connection, and a packet that the kernel took only half of has to be finished before the next
one. We read in one thread and send in others: each call of libssh2 has its turn, nothing waits for the network in it but a packet
that is half sent, and who waits for bytes is told when somebody else has taken them out of the socket meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

from ssh2.error_codes import LIBSSH2_ERROR_EAGAIN
from ssh2.exceptions import SSH2Error
from ssh2.session import LIBSSH2_SESSION_BLOCK_OUTBOUND

from windlass.hosts.common.descriptors import READABLE, WRITABLE, ready
from windlass.hosts.common.session import SILENCE_LIMIT

PIECE: Final = 1 << 17  # bytes that are given to libssh2 at once: it takes copies
STDOUT, STDERR = 0, 1


class Session:
    """A channel with one command.

    sock      the connection's socket
    ssh       libssh2's session on it, logged in
    channel   on which the command was asked for
    """

    def __init__(self, sock: socket.socket, ssh: Any, channel: Any) -> None:
        self.sent = 0
        self.received = 0
        self._sock, self._ssh, self._channel = sock, ssh, channel
        self._limit = SILENCE_LIMIT
        self._turn = threading.Lock()
        self._reader, self._sender = _Waiting(sock), _Waiting(sock)
        self._over = False  # we have hung up
        self._ended = False  # the command has said all
        ssh.set_blocking(False)

    def send(self, data: bytes | bytearray) -> None:
        """Send all of it. Raises OSError when the connection is gone, or takes nothing for too long."""
        view = memoryview(data)
        while view:
            with self._at_it():
                count = self._write(bytes(view[:PIECE]))
                self._reader.tell()
                if not count:
                    self._sender.expect()
            self.sent += count
            view = view[count:]
            if not count and not self._sender.wait(self._limit):
                raise OSError("the other side takes no more bytes")

    def receive(self, most: int) -> bytes:
        """What has come, at least a byte; empty at the end. Raises TimeoutError past the limit, OSError when the line is dead."""
        deadline = time.monotonic() + self._limit
        while True:
            with self._at_it():
                data = self._read(STDOUT, most)
                self._sender.tell()
                if data or self._ended:
                    self.received += len(data)
                    return data
                self._reader.expect()
            if not self._reader.wait(deadline - time.monotonic()):
                raise TimeoutError

    def wait_at_most(self, seconds: float) -> None:
        """How long `receive` and `send` may wait."""
        self._limit = seconds

    def errors(self) -> str:
        """What the command has written to standard error since the last call."""
        with contextlib.suppress(OSError), self._at_it():
            return self._read(STDERR, 1 << 16).decode("utf-8", "replace")
        return ""

    def close(self) -> None:
        """Hang up, and wait for nobody. The far side sees the end of its input."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)  # whoever waits on it is through with that now
        with self._turn:
            self._over = True
            for each in (self._reader, self._sender):
                each.tell()
            self._let_go()

    def _let_go(self) -> None:
        """Give back what is open, once nobody waits on it any more."""
        if self._reader.waits or self._sender.waits:
            return
        self._channel = self._ssh = None  # before the socket: libssh2 closes the channel, on whatever has the number then
        self._sock.close()
        self._reader.close()
        self._sender.close()

    @contextlib.contextmanager
    def _at_it(self) -> Iterator[None]:
        """Have libssh2 for oneself; its errors are like the kernel's for a line that died."""
        with self._turn:
            if self._over:
                self._let_go()
                raise OSError("the connection is closed")
            try:
                yield
            except SSH2Error as error:
                raise OSError(f"the SSH connection broke: {type(error).__name__}") from error

    def _write(self, data: bytes) -> int:
        """How much of it the other side's window had room for."""
        done = 0
        while done < len(data):
            code, count = self._channel.write(data[done:] if done else data)
            done += count
            if code == LIBSSH2_ERROR_EAGAIN and not self._finishes():
                break
        return done

    def _read(self, stream: int, most: int) -> bytes:
        """What is there now."""
        pieces: list[bytes] = []
        while True:
            code, more = self._channel.read_ex(most, stream)
            pieces.append(more)
            self._ended = code == 0  # libssh2's own word for it is not given while errors are left to read
            if not self._finishes():
                return b"".join(pieces)

    def _finishes(self) -> bool:
        """Whether a packet was half sent, and there is room for the rest now: then what sent it has to be called again."""
        if not self._ssh.block_directions() & LIBSSH2_SESSION_BLOCK_OUTBOUND:
            return False
        if not ready(self._sock.fileno(), WRITABLE, self._limit):
            raise OSError("the connection takes no more bytes")
        return True


class _Waiting:
    """One who waits for a socket, or to be told that another thread has taken from it what he waits for."""

    def __init__(self, sock: socket.socket) -> None:
        self.waits = False
        self._sock = sock
        self._told = False
        self._bell: tuple[int, int] | None = None
        self._poll = select.poll()

    def expect(self) -> None:
        """He is about to wait; said while nobody else can take anything."""
        if self._bell is None:
            self._bell = os.pipe()
            for descriptor in (self._sock.fileno(), self._bell[0]):
                self._poll.register(descriptor, READABLE)
        self.waits, self._told = True, False

    def tell(self) -> None:
        """Something was taken from the socket, or it is over."""
        if self.waits and not self._told and self._bell:
            self._told = True
            os.write(self._bell[1], b"!")

    def wait(self, seconds: float) -> bool:
        """Whether there was something in time."""
        found = dict(self._poll.poll(max(0.0, seconds) * 1000))
        if self._bell and self._bell[0] in found:
            os.read(self._bell[0], 64)
        self.waits = False
        return bool(found)

    def close(self) -> None:
        """Give back the bell."""
        for descriptor in self._bell or ():
            os.close(descriptor)
        self._bell = None
