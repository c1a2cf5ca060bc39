"""A login by Paramiko without what it does beside it: of a run on many hosts, logins are a third of this side's work.

A thread waits beside each for the first packet to be late, and what sshd says of its own work is made ready for a log that nobody
keeps.
"""

from __future__ import annotations

import time
from typing import Any

import paramiko

from windlass.hosts.by_paramiko.packets import Packets


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


class QuickTransport(paramiko.Transport):
    """A connection that leaves alone what sshd says of its own work."""

    def _parse_debug(self, m: paramiko.Message) -> None:
        """Of no interest here: which line of authorized_keys it was, twice for each login."""
