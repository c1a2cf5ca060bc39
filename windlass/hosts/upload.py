"""Sending local files to a host that asks for them, no faster than it takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from windlass.agent.core import frames


class Uploads:
    """The files that the host may ask for during one batch. A host grants credit as it writes; nothing is sent beyond it."""

    def __init__(self, files: Mapping[str, Path], send: Callable[[bytes], None]) -> None:
        self._files = files
        self._send = send
        self._open: dict[int, BinaryIO] = {}
        self._credit: dict[int, int] = {}

    def handle(self, kind: bytes, body: dict[str, Any]) -> None:
        """A FETCH opens a stream with its first window, a CREDIT widens it."""
        stream = int(body["stream"])
        if kind == frames.FETCH:
            self._open[stream] = self._files[body["sha256"]].open("rb")
            self._credit[stream] = int(body["window"])
        elif stream in self._open:
            self._credit[stream] += int(body["bytes"])
        self._pump(stream)

    def _pump(self, stream: int) -> None:
        handle = self._open.get(stream)
        while handle is not None and self._credit[stream] > 0:
            chunk = handle.read(min(frames.CHUNK, self._credit[stream]))
            self._send(frames.encode_data(stream, chunk))
            self._credit[stream] -= len(chunk)
            if not chunk:
                handle.close()
                del self._open[stream], self._credit[stream]
                return
