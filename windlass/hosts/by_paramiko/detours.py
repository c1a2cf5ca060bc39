"""What Paramiko takes for a socket where the way leads over another host: a channel there, or a ProxyCommand of ssh_config.

Paramiko has a ProxyCommand of its own, which tells the command the port and user of ssh_config alone, takes a whole processor when
the command has ended, and does not know why it did.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Any, Final

import paramiko

from windlass.hosts.common.programs import let_end
from windlass.hosts.common.session import SILENCE_LIMIT

LAST_WORDS: Final = 3  # lines
MOST_SAID: Final = 65536  # bytes of them that are looked at


class _Room:
    """Whether there is still room for more at the other side; Paramiko would try for ever."""

    def __init__(self, whose: str) -> None:
        self._whose = whose
        self._full_since: float | None = None

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """Around sending: raises OSError when nothing has fitted for too long."""
        now = time.monotonic()
        try:
            yield
        except TimeoutError:
            self._full_since = self._full_since or now
            if now - self._full_since > SILENCE_LIMIT:
                raise OSError(f"{self._whose} takes no more bytes") from None
            raise
        self._full_since = None


class Tunnel:
    """A channel through a jump host, as a socket that gives up when nothing fits into it any more: Paramiko tries for ever."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._room = _Room("the jump host")

    def send(self, data: bytes) -> int:
        """As a socket does."""
        with self._room.used():
            return self._channel.send(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)


class Proxy(socket.socket):
    """Our end of the command's standard input and output, which are one socket, as `ssh` makes them."""

    def __init__(self, command: str) -> None:
        ours, theirs = socket.socketpair()
        super().__init__(fileno=ours.detach())
        self._room = _Room("the ProxyCommand")
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - it is there for as long as the command may say something
        with theirs:
            self._process: subprocess.Popen[bytes] | None = subprocess.Popen(
                [os.environ.get("SHELL") or "/bin/sh", "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._said,
                start_new_session=True,  # a Ctrl-C is the controller's to deal with
            )

    def send(self, data: Any, flags: int = 0) -> int:
        """As every socket, but what takes nothing for too long is dead."""
        with self._room.used():
            return super().send(data, flags)

    def close(self) -> None:
        """Paramiko closes it when the connection has ended, and again."""
        super().close()
        process, self._process = self._process, None
        if process:
            let_end(process)

    def part(self) -> str:
        """Close it for good; gives the last that the command has said on standard error."""
        self.close()
        if self._said.closed:
            return ""
        with self._said as said:
            said.seek(max(0, said.seek(0, os.SEEK_END) - MOST_SAID))
            lines = said.read().decode("utf-8", "replace").splitlines()
        return "; ".join([line.strip() for line in lines if line.strip()][-LAST_WORDS:])


def completed(command: str, values: dict[str, str]) -> str:
    """The command with its `%h`, `%p` and the like replaced; `%%` is a percent sign."""
    return re.sub("%(.)", lambda found: values.get(found[1], "%" if found[1] == "%" else found[0]), command)
