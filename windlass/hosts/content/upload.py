"""Sending local files to a host that asks for them, no faster than it takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from windlass.agent.core import frames
from windlass.agent.core.buffers import Buffers
from windlass.hosts.content.sources import Source, source
from windlass.operations.local_tree import LocalTree
from windlass.operations.operation import LocalFile

MOST_ALONG: Final = (
    1024 * 1024
)  # bytes that go along with a call: what was sent in vain, because something failed before, is not much


def along(contents: Iterable[LocalFile], streams: Iterator[int]) -> dict[str, int]:
    """The streams of those that go along, by checksum; the others are asked for."""
    left, found = MOST_ALONG, {}
    for each in contents:
        if each.size <= left and each.checksum not in found:
            left -= each.size
            found[each.checksum] = next(streams)
    return found


class Uploads:
    """The files and trees that the host may ask for during one batch. A host grants credit as it writes; nothing is sent beyond it.

    Leaving it closes the files that a host did not want to the end.
    """

    def __init__(self, files: Mapping[str, Path | LocalTree], send: Callable[[bytes | bytearray], None]) -> None:
        self._files = files
        self._send = send
        self._open: dict[int, Source] = {}
        self._credit: dict[int, int] = {}
        self._buffers = Buffers()

    def __enter__(self) -> Uploads:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for handle in self._open.values():
            handle.close()

    def give(self, streams: Mapping[str, int]) -> None:
        """Send these, whole and unasked. Raises OperationFailed for a file that is gone."""
        for checksum, stream in streams.items():
            self._open[stream] = source(self._files[checksum], {})
            self._credit[stream] = MOST_ALONG + 1  # one more than all of it: then its end is seen
            self._pump(stream)
            if stream in self._open:  # it has grown: the host will see that it is not what was described
                self._send(frames.encode_data(stream, b""))
                self._open.pop(stream).close()
                del self._credit[stream]

    def handle(self, kind: bytes, body: dict[str, Any]) -> None:
        """A FETCH opens a stream with its first window, a CREDIT widens it.

        Raises OperationFailed for a file that is gone, BrokenFrame for one that was not offered.
        """
        stream = body["stream"]
        if kind == frames.FETCH:
            if stream in self._open or body["checksum"] not in self._files:
                raise frames.BrokenFrame(f"it asks for {body['checksum']:.80}, which was not offered")
            self._open[stream] = source(self._files[body["checksum"]], body)
            self._credit[stream] = body["window"]
        elif stream in self._open:
            self._credit[stream] += body["bytes"]
        self._pump(stream)

    def _pump(self, stream: int) -> None:
        handle = self._open.get(stream)
        while handle is not None and self._credit[stream] > 0:
            frame = frames.data_frame(stream, min(frames.LARGE_CHUNK, self._credit[stream]), handle.readinto, self._buffers.take)
            self._send(frame)
            count = len(frame) - frames.DATA_HEADER
            self._credit[stream] -= count
            if not count:
                handle.close()
                del self._open[stream], self._credit[stream]
                return
