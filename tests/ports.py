"""Ports for servers that have to be told theirs before they listen."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator


@contextlib.contextmanager
def reserved(address: str = "127.0.0.1") -> Iterator[int]:
    """A port that this machine gives to nobody else meanwhile. Who asks for it by its number, as servers do, shares it."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((address, 0))
        yield int(held.getsockname()[1])
