"""Reading a part from the host that stores it, as a stream through this machine."""

from __future__ import annotations

import io
import os
import threading
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from windlass.errors import WindlassError
from windlass.operations.stored import ReadStored
from windlass.stores.host.line import Line

BUFFER = 1 << 18  # bytes


@dataclass(frozen=True, slots=True)
class HostSource:
    """A part that can be opened, as a path can."""

    line: Line
    reading: ReadStored
    place: str

    def open(self, mode: Literal["rb"] = "rb", buffering: int = BUFFER) -> BinaryIO:  # noqa: ARG002 - there is one mode
        return io.BufferedReader(_Body(self), buffering)

    def __str__(self) -> str:
        return self.place


class _Body(io.RawIOBase):
    """A thread has the host send and fills a pipe; who closes early ends it. Raises OSError where the host could not send all."""

    def __init__(self, source: HostSource) -> None:
        self._source = source
        self._failure = ""
        self._reader, self._writer = os.pipe()
        self._thread = threading.Thread(target=self._fill, daemon=True)
        self._thread.start()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = os.read(self._reader, len(buffer))
        if not chunk and self._failure:
            raise OSError(self._failure)
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        if not self.closed:
            os.close(self._reader)
            self._thread.join()
        super().close()

    def _fill(self) -> None:
        try:
            with self._source.line() as run:
                run(self._source.reading, self._pass_on)
        except BrokenPipeError:  # whoever read it had enough
            pass
        except WindlassError as error:  # also what keeps the link from being opened at all
            self._failure = error.message
        finally:
            os.close(self._writer)

    def _pass_on(self, _stream: int, chunk: bytes | memoryview) -> None:
        view = memoryview(chunk)
        while view:
            view = view[os.write(self._writer, view) :]
