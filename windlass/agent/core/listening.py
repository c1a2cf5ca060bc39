"""What a program writes while it runs, for whoever watches: the last lines, a few times a second, if the wire has room.

A program is never held up for it, and what nobody had time for is only counted.
"""

from __future__ import annotations

import os
import select
import time
from typing import IO, TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple

from windlass.agent.core import frames, quick_json

if TYPE_CHECKING:
    import selectors
    import subprocess

AFTER = 0.5  # seconds that a program runs before anything of it is told: the many short ones cost nothing
EVERY = 0.25  # seconds between two frames
LINES = 20  # lines in one frame at most: 80 a second
LET_GO = 2.0  # seconds of silence after which whoever still holds the output of a program that has ended is not waited for,
LEFT = 1 << 20  # or bytes: more than a pipe holds, so they come from somebody that it has left running
LOOKED_AT = 8192  # bytes at the end of a large piece: who writes a hundred megabytes is not read line by line
WIDEST = 400  # characters of a line
LONGEST = 65536  # bytes of a line that are kept until it ends: much more than is shown, so that a secret in it is whole
TOLD = select.PIPE_BUF  # bytes of a frame, so that it fits into a pipe that has room at all

_ENDS = rb"[\r\n]+"
_PAINT = rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])"


class Audience:
    """Whoever watches the agent. `offer` takes a frame if it can be sent without waiting, and says whether it did."""

    def __init__(self, offer: Callable[[bytes], bool], mask: Callable[[str], str]) -> None:
        self.offer = offer
        self.mask = mask


audience: Optional[Audience] = None  # one agent, one audience; tests that use the agent's functions alone have none


class Tail:
    """The last lines of one program, of both its streams, that have not been told yet."""

    def __init__(self, watching: Audience, now: float) -> None:
        self._watching = watching
        self._next = now + AFTER
        self._begun: Dict[int, bytes] = {}
        self._lines: List[bytes] = []
        self._missed = 0

    def hear(self, stream: int, chunk: bytes) -> None:
        """More of a stream. A line that has not ended is kept back: half of a secret cannot be masked."""
        import re  # noqa: PLC0415 - many a batch runs no program

        skipped = chunk.rfind(b"\n", 0, max(0, len(chunk) - LOOKED_AT)) + 1
        if skipped:
            self._missed += chunk.count(b"\n", 0, skipped)
            self._begun[stream], chunk = b"", chunk[skipped:]
        *lines, rest = re.split(_ENDS, self._begun.get(stream, b"") + chunk)
        self._begun[stream] = rest[:LONGEST]
        written = [line for line in lines if line.strip()]
        self._missed += max(0, len(self._lines) + len(written) - LINES)
        self._lines = [*self._lines, *written][-LINES:]

    def wait(self, now: float) -> Optional[float]:
        """Seconds until there is something to tell; None while there is nothing."""
        return max(0.0, self._next - now) if self._lines else None

    def tell(self, now: float) -> None:
        """Tell what there is, if it is time; what the wire has no room for waits, and makes place for what comes."""
        if not self._lines or now < self._next:
            return
        self._next = now + EVERY
        told = self._fitting([self._fit(line) for line in self._lines])
        missed = self._missed + len(self._lines) - len(told)
        if self._watching.offer(frames.encode(frames.LIVE, {"lines": told, "missed": missed})):
            self._lines.clear()
            self._missed = 0

    def _fit(self, line: bytes) -> str:
        """A line fit to be shown: without colours, secrets masked, no longer than a person reads."""
        import re  # noqa: PLC0415 - as above

        return self._watching.mask(re.sub(_PAINT, b"", line[:LONGEST]).decode("utf-8", "replace"))[:WIDEST]

    def _fitting(self, lines: List[str]) -> List[str]:
        """As many of the last lines as one frame holds."""
        told: List[str] = []
        room = TOLD - 100
        for line in reversed(lines):
            room -= len(quick_json.short(line)) + 1
            if room < 0 and told:
                break
            told.insert(0, line)
        return told


def communicate(
    program: "subprocess.Popen[bytes]", give: Optional[bytes] = None, limit: Optional[float] = None
) -> Tuple[bytes, bytes]:
    """Like Popen.communicate: what the program wrote to its output and errors, also told to the audience as it comes.

    What it has left running in the background may hold its output for ever: that is not waited for.
    Raises subprocess.TimeoutExpired past `limit` seconds.
    """
    if audience is None:
        return program.communicate(give, timeout=limit)
    import selectors  # noqa: PLC0415 - as above
    import subprocess  # noqa: PLC0415

    began = time.monotonic()
    deadline = None if limit is None else began + limit
    heard: Dict[int, List[bytes]] = {1: [], 2: []}
    tail, parting = Tail(audience, began), _Parting(program, began)
    with selectors.DefaultSelector() as selector:
        _register(selector, program, give)
        while selector.get_map():
            ready = selector.select(_patience(deadline, tail))
            size = sum(_serve(selector, key, heard, tail) for key, _events in ready)
            now = time.monotonic()
            tail.tell(now)
            if parting.is_due(size, now):
                break
            if deadline is not None and now > deadline:
                raise subprocess.TimeoutExpired(program.args, limit or 0.0)
        for key in list(selector.get_map().values()):
            _close(key.fileobj)
    program.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
    tail.tell(time.monotonic())
    return b"".join(heard[1]), b"".join(heard[2])


class _Parting:
    """When a program that has ended is no longer waited for, although somebody holds its output."""

    def __init__(self, program: "subprocess.Popen[bytes]", now: float) -> None:
        self._program = program
        self._heard = now
        self._size = 0

    def is_due(self, size: int, now: float) -> bool:
        """`size` bytes have come since the last look."""
        if self._program.poll() is None:
            self._heard, self._size = now, 0
            return False
        self._heard, self._size = now if size else self._heard, self._size + size
        return now - self._heard > LET_GO or self._size > LEFT


def _patience(deadline: Optional[float], tail: Tail) -> float:
    now = time.monotonic()
    waits = [each for each in (tail.wait(now), None if deadline is None else max(0.0, deadline - now)) if each is not None]
    return min([*waits, LET_GO / 2]) + 0.001


def _register(selector: selectors.BaseSelector, program: "subprocess.Popen[bytes]", give: Optional[bytes]) -> None:
    import selectors  # noqa: PLC0415 - as above

    for stream, pipe in ((1, program.stdout), (2, program.stderr)):
        if pipe is not None:
            selector.register(pipe, selectors.EVENT_READ, (stream, None))
    if program.stdin is not None:
        selector.register(program.stdin, selectors.EVENT_WRITE, (0, [memoryview(give or b"")]))


def _serve(selector: selectors.BaseSelector, key: selectors.SelectorKey, heard: Dict[int, List[bytes]], tail: Tail) -> int:
    """Read what has come, or write what there is room for; a pipe that has ended is closed. How many bytes were read."""
    stream, giving = key.data
    chunk = b""
    if stream == 0:
        over = not _write(key.fd, giving)
    else:
        chunk = os.read(key.fd, 65536)
        over = not chunk
        if chunk:
            heard[stream].append(chunk)
            tail.hear(stream, chunk)
    if over:
        selector.unregister(key.fileobj)
        _close(key.fileobj)
    return len(chunk)


def _write(descriptor: int, giving: List[memoryview]) -> bool:
    """Give a program some more; whether there is anything left."""
    try:
        giving[0] = giving[0][os.write(descriptor, giving[0][: select.PIPE_BUF]) :]
    except BrokenPipeError:
        return False
    return bool(giving[0])


def _close(pipe: "IO[bytes] | Any") -> None:
    try:
        pipe.close()
    except OSError:
        pass
