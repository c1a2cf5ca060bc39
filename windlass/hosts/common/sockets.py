"""A TCP socket as SSH needs it, whoever speaks over it."""

from __future__ import annotations

import socket
import sys
from typing import Any, Final

from windlass.hosts.common.session import SILENCE_LIMIT

_HEARD: Final = slice(128, 136)  # tcpi_bytes_received of struct tcp_info, which only grows at its end: linux/tcp.h


def prepare(sock: Any) -> None:
    """Without TCP_NODELAY the kernel holds small packets back for 40 ms, for each request; without TCP_USER_TIMEOUT it would try
    for a quarter of an hour to send into a line that is cut."""
    if isinstance(sock, socket.socket) and sock.family != socket.AF_UNIX:  # through a jump host it is something else
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SILENCE_LIMIT * 1000))


def has_heard(sock: socket.socket) -> bool:
    """Whether a byte has ever come from the other side; no, where the kernel does not tell."""
    if not hasattr(socket, "TCP_INFO"):
        return False
    told = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _HEARD.stop)
    return int.from_bytes(told[_HEARD], sys.byteorder) > 0
