"""Large local files that the same command described the last time and that have changed since: read while the program still starts.

Reading takes a second for each gigabyte, of which the start of the program hides some tenths. What nobody asks for in the end was
read for nothing; what somebody asks for while it is still read is waited for, which takes no longer than to read it.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from windlass.agent.core.sums import Sums, named, same

PIECE: Final = 16 << 20  # bytes: whoever hashes leaves Python's lock alone meanwhile, and has to wait for it after each piece
MOST_FILES: Final = 4

_turn = threading.Lock()
_reading: dict[str, _Reading] = {}
_since: list[int] = []  # when the first of them began to be read


class _Reading:
    """One file that is being read. `size` and `sha256` are there when `ended` is set; no checksum for what cannot be read."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.status = Path(path).stat()
        self.ended = threading.Event()
        self.size, self.sha256 = 0, ""

    def read(self) -> None:
        try:
            with Path(self.path).open("rb", buffering=0) as handle:
                self._take(handle.fileno())
        except OSError:
            pass
        finally:
            self.ended.set()

    def _take(self, descriptor: int) -> None:
        digest, buffer, size = hashlib.sha256(), memoryview(bytearray(PIECE)), 0
        while count := os.readv(descriptor, [buffer]):
            digest.update(buffer[:count])
            size += count
        self.size, self.sha256 = size, digest.hexdigest()


def begin(folder: Path, paths: Iterable[str]) -> None:
    """Read those whose checksums are not remembered in this folder, one after the other, beside whatever else is done."""
    since = time.time_ns()
    waiting = []
    for path in list(paths)[:MOST_FILES]:
        try:
            reading = _Reading(path)
        except OSError:
            continue
        if not Sums(str(folder / named(path)), _nothing).known("", reading.status):
            waiting.append(reading)
    if waiting:
        with _turn:
            _since.append(since)
            _reading.update((each.path, each) for each in waiting)
        threading.Thread(target=_read_all, args=(waiting,), name="read ahead", daemon=True).start()


def found(path: str) -> tuple[int, str] | None:
    """Size and checksum of a file that was read ahead, once, if it is still what it was then."""
    with _turn:
        reading = _reading.pop(path, None)
    if reading is None:
        return None
    reading.ended.wait()
    return (reading.size, reading.sha256) if reading.sha256 and same(reading.status, Path(path).stat()) else None


def since(now: int) -> int:
    """The moment after which a change may have been missed: when reading ahead began, where it did, otherwise now."""
    with _turn:
        return min(_since, default=now)


def _read_all(waiting: Iterable[_Reading]) -> None:
    for each in waiting:
        each.read()


def _nothing(_path: str, _size: int) -> tuple[int, str]:
    raise OSError("nothing is read here")
