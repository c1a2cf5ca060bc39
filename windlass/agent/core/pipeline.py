"""Programs joined by pipes, of which none may fail unnoticed."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import tempfile
import threading
import time
from typing import IO, Callable, Dict, Iterable, Iterator, List, Optional, Sequence

from windlass.agent.core import process
from windlass.agent.core.frames import LARGE_CHUNK, Bytes
from windlass.agent.core.guard import Guard
from windlass.agent.core.outcome import OperationError

PIECE = 1 << 18  # bytes
WIDE = 1 << 20  # bytes that a pipe holds, if the kernel lets it: fewer times that a program waits for the other
SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ, which Python knows by name since 3.10
GATHER = 0.002  # seconds that a pipe may fill before it is emptied again: it is worth more to be woken once than for each page
LINES = 12  # of each program's last words


class Stage:
    """One program of a pipeline: what it is called in messages, its arguments, its user and its environment.

    `tolerated` is a status besides 0 with which it has done its work; what it said is in the pipeline's `said` afterwards.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        user: str = "",
        extra: Optional[Dict[str, str]] = None,
        tolerated: int = 0,
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.user = user
        self.extra = extra
        self.tolerated = tolerated


class Pipeline:
    """The programs, started. Memory stays the same however much flows through.

    What passes between two programs is counted: `passed[0]` are the bytes from the first to the second. `give` says that
    the first gets its input from `feed`, or piece by piece from `put` until `end`; `into` is a file for the last one's output,
    otherwise `chunks` gives it. `taps` are shown what passes: `taps[0]` what goes from the first to the second.
    """

    def __init__(
        self,
        guard: Guard,
        stages: Sequence[Stage],
        give: bool = False,
        into: Optional[int] = None,
        taps: Optional[Dict[int, Callable[[bytes], None]]] = None,
    ) -> None:
        self._guard = guard
        self._stages = stages
        self._taps = taps or {}
        self._programs: "List[subprocess.Popen[bytes]]" = []
        self._errors = [tempfile.TemporaryFile() for _stage in stages]  # noqa: SIM115 - closed by finish
        self.passed = [0] * (len(stages) - 1)
        self.said: List[List[str]] = [[] for _stage in stages]
        for number, stage in enumerate(stages):
            last = number == len(stages) - 1
            source = subprocess.PIPE if number or give else subprocess.DEVNULL
            sink = into if last and into is not None else subprocess.PIPE
            pipes = (source, sink, self._errors[number].fileno())
            self._programs.append(guard.start(stage.arguments, stage.user, stage.extra, "/", pipes))
            _widen(self._programs[-1].stdin, self._programs[-1].stdout)
        self._relays = [threading.Thread(target=self._relay, args=(number,), daemon=True) for number in range(len(stages) - 1)]
        guard.carriers.extend(self._relays)
        for relay in self._relays:
            relay.start()

    def feed(self, chunks: Iterable[Bytes]) -> None:
        """Give the first program its input. If it ends early the rest is not read; `finish` then says why."""
        sink = _input_of(self._programs[0])
        try:
            for chunk in chunks:
                _write(sink, chunk)
        except BrokenPipeError:
            pass
        finally:
            sink.close()

    def put(self, chunk: bytes) -> None:
        """Give the first program a piece of its input. If it has ended already nothing happens; `finish` then says why."""
        try:
            _write(_input_of(self._programs[0]), chunk)
        except BrokenPipeError:
            pass

    def end(self) -> None:
        """That was all of its input."""
        _input_of(self._programs[0]).close()

    def chunks(self) -> Iterator[bytes]:
        """The last program's output as it comes, in pieces of a frame at most."""
        source = process.output_of(self._programs[-1])
        while True:
            chunk = os.read(source.fileno(), LARGE_CHUNK)
            if not chunk:
                return
            yield chunk
            _gather(len(chunk), LARGE_CHUNK)

    def finish(self) -> None:
        """Wait for all programs. Raises OperationError if one of them failed, with the last words of each that did."""
        for relay in self._relays:
            relay.join()
        statuses = [program.wait() for program in self._programs]
        self.said = said = [_last_words(errors) for errors in self._errors]
        self._guard.check()
        failed = [number for number, status in enumerate(statuses) if status not in (0, self._stages[number].tolerated)]
        guilty = [number for number in failed if statuses[number] != -signal.SIGPIPE] or failed
        if guilty:
            raise OperationError(
                ", ".join("%s %s" % (self._stages[number].name, _how(statuses[number])) for number in guilty),
                last_lines=[line for number in guilty for line in said[number]],
            )

    def _relay(self, number: int) -> None:
        """Carry one program's output to the next one's input."""
        source, sink = process.output_of(self._programs[number]), _input_of(self._programs[number + 1])
        try:
            if number in self._taps or not hasattr(os, "splice"):
                self._copy(number, source, sink)
            else:
                self._splice(number, source, sink)
        except BrokenPipeError:
            pass
        finally:
            source.close()  # so that the one before ends, too
            sink.close()

    def _copy(self, number: int, source: "IO[bytes]", sink: "IO[bytes]") -> None:
        while True:
            chunk = os.read(source.fileno(), PIECE)
            if not chunk:
                return
            self.passed[number] += len(chunk)
            if number in self._taps:
                self._taps[number](chunk)
            _write(sink, chunk)
            _gather(len(chunk))

    def _splice(self, number: int, source: "IO[bytes]", sink: "IO[bytes]") -> None:
        """The same, where nobody looks at the bytes: the kernel moves them, and they are only counted here."""
        while True:
            moved = os.splice(source.fileno(), sink.fileno(), WIDE)
            if not moved:
                return
            self.passed[number] += moved
            _gather(moved)


def _gather(moved: int, enough: int = PIECE) -> None:
    if moved < enough:
        time.sleep(GATHER)


def _widen(*ends: "Optional[IO[bytes]]") -> None:
    for end in ends:
        if end is not None:
            try:
                fcntl.fcntl(end.fileno(), SET_PIPE_SIZE, WIDE)
            except OSError:  # a limit of this host's: it works with narrow ones, too
                pass


def _input_of(program: "subprocess.Popen[bytes]") -> "IO[bytes]":
    if program.stdin is None:
        raise OperationError("the program was started without a pipe to write to")
    return program.stdin


def _write(sink: "IO[bytes]", chunk: Bytes) -> None:
    """All of it at once, past Python's own buffer, in which it might wait for more."""
    view = memoryview(chunk)
    while view:
        view = view[os.write(sink.fileno(), view) :]


def _last_words(errors: "IO[bytes]") -> List[str]:
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - 8192))
    lines = errors.read().decode("utf-8", "replace").splitlines()[-LINES:]
    errors.close()
    return lines


def _how(status: int) -> str:
    if status < 0:
        return "was ended by signal %d" % -status
    return "ended with status %d" % status
