"""A login by Paramiko without what it does beside it: of a run on many hosts, logins are a third of this side's work.

A thread waits beside each for the first packet to be late, and what sshd says of its own work is made ready for a log that nobody
keeps.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Final

import paramiko

from windlass.hosts.by_paramiko.packets import Packets

TIMED_OUT: Final = "Authentication timeout."  # as Paramiko says it


class QuickPackets(Packets):
    """Packets that know by the clock when the first of them is late."""

    def __init__(self, sock: Any) -> None:
        super().__init__(sock)
        self._answered = False
        self._deadline: float | None = None

    def start_handshake(self, timeout: float) -> None:
        """From now on the first packet may take this long."""
        self._deadline = time.monotonic() + timeout

    def handshake_timed_out(self) -> bool:
        """Whether it took longer, and is not there yet."""
        return not self._answered and self._deadline is not None and time.monotonic() > self._deadline

    def complete_handshake(self) -> None:
        """It is there."""
        self._answered = True


class Stalled(paramiko.SSHException):
    """The other side has greeted us, and stopped before it had let us in or refused us."""


class QuickTransport(paramiko.Transport):
    """A connection that leaves alone what sshd says of its own work, and tells who stalls from who says no."""

    _stalls = False

    def start_client(self, event: threading.Event | None = None, timeout: float | None = None) -> None:
        """Exchange keys; past its limit Paramiko would go on without."""
        self.handshake_timeout = 2 * timeout if timeout else self.handshake_timeout  # so that it is not that which ends it
        super().start_client(event=event, timeout=timeout)
        if event is None and not self.initial_kex_done and self.remote_version:
            raise Stalled("no keys were agreed on in time")

    def auth_publickey(self, username: str, key: paramiko.PKey, event: threading.Event | None = None) -> list[str]:
        """Who stalls at one key is not asked about the others: each would be waited for as long."""
        if self._stalls:
            raise Stalled(TIMED_OUT)
        try:
            return super().auth_publickey(username, key, event)
        except paramiko.AuthenticationException as error:
            if str(error) != TIMED_OUT:
                raise
            self._stalls = True
            raise Stalled(TIMED_OUT) from error

    def _parse_debug(self, m: paramiko.Message) -> None:
        """Of no interest here: which line of authorized_keys it was, twice for each login."""
