"""Sending local files to a host that asks for them, no faster than it takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from windlass.agent.core import frames
from windlass.hosts.sources import Source, source
from windlass.operations.local_tree import LocalTree


class Uploads:
    """The files and trees that the host may ask for during one batch. A host grants credit as it writes; nothing is sent beyond it.

    Leaving it closes the files that a host did not want to the end.
    """

    def __init__(self, files: Mapping[str, Path | LocalTree], send: Callable[[bytes | bytearray], None]) -> None:
        self._files = files
        self._send = send
        self._open: dict[int, Source] = {}
        self._credit: dict[int, int] = {}

    def __enter__(self) -> Uploads:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for handle in self._open.values():
            handle.close()

    def handle(self, kind: bytes, body: dict[str, Any]) -> None:
        """A FETCH opens a stream with its first window, a CREDIT widens it.

        Raises OperationFailed for a file that is gone, BrokenFrame for one that was not offered.
        """
        stream = body["stream"]
        if kind == frames.FETCH:
            if stream in self._open or body["sha256"] not in self._files:
                raise frames.BrokenFrame(f"it asks for {body['sha256']:.80}, which was not offered")
            self._open[stream] = source(self._files[body["sha256"]], body)
            self._credit[stream] = body["window"]
        elif stream in self._open:
            self._credit[stream] += body["bytes"]
        self._pump(stream)

    def _pump(self, stream: int) -> None:
        handle = self._open.get(stream)
        while handle is not None and self._credit[stream] > 0:
            frame = frames.data_frame(stream, min(frames.LARGE_CHUNK, self._credit[stream]), handle.readinto)
            self._send(frame)
            count = len(frame) - frames.DATA_HEADER
            self._credit[stream] -= count
            if not count:
                handle.close()
                del self._open[stream], self._credit[stream]
                return
