"""The way back to an agent whose connection died: bytes between this process's standard streams and the agent's private socket.

The first line on standard input is the socket's path. Where nobody listens there, one frame says so.
"""

from __future__ import annotations

import os
import socket
import threading
import time

from windlass.agent.core import frames
from windlass.agent.core.parts import signal

READY = b"."  # said before all else, so that the controller knows that nothing more is wanted of the standard library
SILENCE = 60.0  # seconds without a byte from the controller, which pings every five


def relay() -> None:
    """Carry bytes until one side ends."""
    os.write(1, READY)
    path = b""
    while not path.endswith(b"\n"):
        path += os.read(0, 1) or b"\n"
    signal.alarm(0)  # it was set before this program came
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(path[:-1])
    except OSError:
        os.write(1, frames.encode(frames.LINE, {"gone": True}))
        return
    heard = [time.monotonic()]
    threading.Thread(target=_carry_out, args=(connection,), daemon=True).start()
    threading.Thread(target=_carry_in, args=(connection, heard), daemon=True).start()
    while time.monotonic() - heard[0] < SILENCE:
        time.sleep(1.0)
    os._exit(0)


def _carry_in(connection: socket.socket, heard: "list[float]") -> None:
    try:
        while True:
            data = os.read(0, 1 << 16)
            if not data:
                break
            heard[0] = time.monotonic()
            connection.sendall(data)
    except OSError:
        pass
    os._exit(0)


def _carry_out(connection: socket.socket) -> None:
    try:
        while True:
            view = memoryview(connection.recv(1 << 16))
            if not view:
                break
            while view:
                view = view[os.write(1, view) :]
    except OSError:
        pass
    os._exit(0)
