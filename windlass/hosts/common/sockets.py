"""A TCP socket as SSH needs it, whoever speaks over it."""

from __future__ import annotations

import socket
from typing import Any

from windlass.hosts.common.session import SILENCE_LIMIT


def prepare(sock: Any) -> None:
    """Without TCP_NODELAY the kernel holds small packets back for 40 ms, for each request; without TCP_USER_TIMEOUT it would try
    for a quarter of an hour to send into a line that is cut."""
    if isinstance(sock, socket.socket) and sock.family != socket.AF_UNIX:  # through a jump host it is something else
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SILENCE_LIMIT * 1000))
