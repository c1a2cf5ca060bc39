"""Large local files that the same command described the last time and that have changed since: read while the program still starts.

Reading takes a second for each gigabyte, of which the start of the program hides some tenths. It is done by a process of its own:
beside threads that compute, whoever hashes waits for Python's lock after each block. What nobody asks for in the end was read for
nothing; what somebody asks for while it is still read is waited for, which takes no longer than to read it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from windlass.agent.core import blocks
from windlass.agent.core.sums import Sums, named, same
from windlass.history import block_prints

MOST_FILES: Final = 4
ALIVE_EVERY: Final = 0.5  # seconds after which the process looks whether anybody is still there
_OUTCOME: Final = struct.Struct("!QII")  # bytes of the file, of its prints, of a block; the prints follow

_turn = threading.Lock()
_reading: dict[str, os.stat_result] = {}  # in the order in which they are read, with the status before that
_read: dict[str, tuple[int, str]] = {}
_answers: list[tuple[BinaryIO, int]] = []  # where they are told, by which process
_since: list[int] = []  # when the first of them began to be read


def collection(path: str) -> str:
    """In which file the checksum by blocks of a large file is kept: a program of before they were would take it for another."""
    return named(f"{path} by blocks")


def begin(folder: Path, paths: Iterable[str]) -> None:
    """Read those whose checksums are not remembered in this folder, one after the other, beside whatever else is done."""
    since = time.time_ns()
    waiting: dict[str, os.stat_result] = {}
    for path in list(paths)[:MOST_FILES]:
        try:
            status = Path(path).stat()
        except OSError:
            continue
        if not Sums(str(folder / collection(path)), _nothing).known("", status):
            waiting[path] = status
    with _turn:
        if waiting and not _reading:
            _since.append(since)
            _reading.update(waiting)
            _answers.append(_begun([(path, status.st_size) for path, status in waiting.items()]))


def found(path: str) -> tuple[int, str] | None:
    """Size and checksum of a file that was read ahead, once, if it is still what it was then."""
    with _turn:
        status = _reading.get(path)
        while path in _reading and path not in _read:
            _hear()
        _reading.pop(path, None)
        outcome = _read.pop(path, None)
    return outcome if outcome and status and same(status, Path(path).stat()) else None


def since(now: int) -> int:
    """The moment after which a change may have been missed: when reading ahead began, where it did, otherwise now."""
    with _turn:
        return min(_since, default=now)


def _begun(files: Sequence[tuple[str, int]]) -> tuple[BinaryIO, int]:
    """Where it is told what is read, and the number of the process that does it; 0 for a thread, where others run already: who
    is forked among threads may wait for one that it does not have."""
    reader, writer = os.pipe()
    if threading.active_count() > 1:
        threading.Thread(target=_tell, args=(files, writer), name="read ahead", daemon=True).start()
        return os.fdopen(reader, "rb"), 0
    child = os.fork()
    if not child:
        _as_a_process(files, writer)
    os.close(writer)
    return os.fdopen(reader, "rb"), child


def _as_a_process(files: Sequence[tuple[str, int]], writer: int) -> None:
    """Never returns, holds nothing open that somebody waits for the end of, and does not outlive who wants to know."""
    try:
        parent = os.getppid()
        signal.signal(signal.SIGALRM, lambda _number, _frame: os.getppid() == parent or os._exit(0))
        signal.setitimer(signal.ITIMER_REAL, ALIVE_EVERY, ALIVE_EVERY)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(nowhere, descriptor)
        _close_all_but(writer)
        _tell(files, writer)
    finally:
        os._exit(0)


def _close_all_but(writer: int) -> None:
    """Those that are open: to close all that could be takes minutes where there may be thousands of millions."""
    for descriptor in [int(each.name) for each in Path("/dev/fd").iterdir()]:
        if descriptor > 2 and descriptor != writer:
            with contextlib.suppress(OSError):  # the one by which they were listed
                os.close(descriptor)


def _tell(files: Sequence[tuple[str, int]], writer: int) -> None:
    """One after the other; no blocks of what cannot be read."""
    with os.fdopen(writer, "wb") as answer:
        for path, expected in files:
            try:
                size, digest = blocks.measured(path, blocks.length_for(expected))
                digest.hexdigest()
            except OSError:
                size, digest = 0, blocks.ByBlocks(0)
            answer.write(_OUTCOME.pack(size, len(digest.prints), digest.length) + digest.prints)
            answer.flush()


def _hear() -> None:
    """Take the next answer; without one, what is left was not read."""
    answers, process = _answers[0]
    path = next(each for each in _reading if each not in _read)
    head = answers.read(_OUTCOME.size)
    size, count, length = _OUTCOME.unpack(head) if len(head) == _OUTCOME.size else (0, 0, 0)
    prints = answers.read(count)
    if not length or len(prints) < count:
        del _reading[path]
    else:
        digest = blocks.ByBlocks(length)
        digest.take(prints)
        _read[path] = size, block_prints.note(digest)
    if not set(_reading) - set(_read):
        answers.close()
        _answers.clear()
        if process:
            os.waitpid(process, 0)


def _nothing(_path: str, _size: int) -> tuple[int, str]:
    raise OSError("nothing is read here")
