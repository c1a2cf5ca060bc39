"""The agent's end of a line that survives its connection.

What was sent is kept until the controller has said that it heard it (PING tells how many bytes of whole frames). When the
connection dies, the controller comes back through a private socket, with the token of the hello: both say what they have heard,
send the rest again, and go on. A newer connection always takes the place of an older one, which may not know yet that it is dead.

With no grace (0 s) nothing is kept and the end of the connection is the end of the line.
"""

from __future__ import annotations

import os
import select
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional

from windlass.agent.core import frames, parts, pipes
from windlass.agent.core.door import Door
from windlass.agent.core.unheard import Unheard

if TYPE_CHECKING:
    import socket

IDLE_LIMIT = 30.0  # seconds without a frame after which nobody seems to be there; pings come every five
MOST_KEPT = 4 * 1024 * 1024  # bytes that may be unheard before who sends has to wait
HEAR_EVERY = 1024 * 1024  # bytes after which the other side is told what was heard
MOMENT = 0.03  # seconds that what may wait for company does
NOBODY_COMES = parts.signal.SIGUSR1  # from another agent that needs our lock and knows that our controller is dead
SHUT_RDWR = 2  # as `socket` has it, which is loaded when somebody comes back
Take = Callable[[bytes, bytearray], None]


class Lifeline:
    """Frames out and in, over whichever connection there is.

    ended      set when nobody will come any more
    on_trial   while it says so, a lost connection is the end: who confirms comes in anew
    """

    def __init__(self, source: int, sink: int, grace: float, on_trial: Callable[[], bool] = lambda: False) -> None:
        self.grace = grace
        self.ended = threading.Event()
        self._on_trial = on_trial
        self._door = Door()
        self._source = source
        self._own, self._at_once = pipes.impatient(sink)
        self._sink = sink if self._own is None else self._own
        self._connection: Optional[socket.socket] = None
        self._writing = threading.Lock()
        self._turn = threading.Condition()  # guards all that follows
        self._generation = 0
        self._away = False
        self._heard = 0
        self._told = 0
        self._last_heard = time.monotonic()
        self._waits = threading.Event()
        self._kept = Unheard(keeps=grace > 0)

    def open(self, take: Take, on_end: Callable[[], None]) -> Dict[str, Any]:
        """Begin to listen; every frame goes to `take`, `on_end` is called once. Gives what the hello says of the line."""
        self._take, self._on_end = take, on_end
        self._begin(self._watch)
        if self.grace:
            self._open_door()
        return {"path": self._door.path, "token": self._door.token} if self._door.path else {}

    def listen(self) -> None:
        """Read what comes; call it when the hello is out."""
        pipes.widen(self._source)
        pipes.widen(self._sink)
        self._begin(self._read, self._generation, self._source)
        self._begin(self._end_waits)

    def send(self, frame: bytes) -> None:
        """Wait for room, but not for a controller that is gone: nobody will ever read what stands in the pipe."""
        with self._writing:
            while not self.ended.is_set():
                self._pump()
                with self._turn:
                    if self._kept.size() < MOST_KEPT:
                        self._kept.add(frame)
                        break
                    self._turn.wait(0.5)
            self._pump()

    def send_soon(self, frame: bytes) -> None:
        """The same, in a moment, together with what follows until then: a frame by itself wakes four processes on its way.
        It says how ended what was announced: if that has not been said yet, it need not be."""
        with self._turn:
            self._kept.begun = b""
            if self._kept.size() < MOST_KEPT:
                self._kept.add(frame)
                self._waits.set()
                return
        self.send(frame)

    def announce(self, frame: bytes) -> None:
        """Say this before whatever else is sent, or in a moment: what is over by then was not worth it."""
        with self._turn:
            self._kept.begun = frame
            self._waits.set()

    def offer(self, frame: bytes) -> bool:
        """Send a frame of at most PIPE_BUF bytes if there is room now; whether it was sent, or kept for later."""
        if self.ended.is_set() or not self._writing.acquire(blocking=False):
            return False
        try:
            with self._turn:
                fits = not self.ended.is_set() and not self._kept.begun and self._kept.size() < MOST_KEPT // 2
                if not self._away:
                    fits = fits and self._is_written() and bool(select.select([], [self._sink], [], 0)[1])
                if fits:
                    self._kept.add(frame)
            self._pump()
        finally:
            self._writing.release()
        return fits

    def ping(self) -> None:
        """Say what was heard."""
        with self._turn:
            self._told = self._heard
        self.send(frames.encode(frames.PING, {"heard": self._told}))

    def has_news(self) -> bool:
        """Whether so much was heard that the other side should know of it now."""
        return self._heard - self._told >= HEAR_EVERY

    def wait_for_somebody(self) -> None:
        """Return when a controller is there, or none will come any more.

        Silence is looked at here as well: who was stopped in the middle wakes up before whoever watches has had a look.
        """
        with self._turn:
            self._notice_silence()
            while self._away and not self.ended.is_set():
                self._turn.wait(1.0)

    def forget(self, heard: int) -> None:
        """The other side has heard so much: it need not be kept."""
        with self._turn:
            if self._kept.start < heard <= self._kept.written:
                self._kept.forget(heard)
                self._turn.notify_all()

    def end(self) -> None:
        """Nobody comes any more."""
        with self._turn:
            first = not self.ended.is_set()
            self.ended.set()
            if first and self._own is not None:
                os.close(self._own)  # whoever reads the pipe waits for its end
            self._turn.notify_all()
            self._waits.set()
        if first:
            self._door.close()
            self._on_end()

    def end_soon(self) -> None:
        """The same, from a signal's handler, which must wait for nothing."""
        self._begin(self.end)

    def _begin(self, work: Callable[..., None], *arguments: Any) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _end_waits(self) -> None:
        while not self.ended.is_set():
            self._waits.wait()
            self.ended.wait(MOMENT)
            self._waits.clear()
            with self._turn:
                self._kept.add(b"")
            with self._writing:
                self._pump()

    def _pump(self) -> None:
        """Write what the connection of now has not had yet, a piece that fits without waiting at a time."""
        while not self.ended.is_set():
            with self._turn:
                if self._away or self._is_written():
                    return
                sink, generation = self._sink, self._generation
            try:
                ready = select.select([], [sink], [], 1.0)[1]
            except (OSError, ValueError):  # closed meanwhile: this was the end
                continue
            with self._turn:
                if ready and generation == self._generation and not self.ended.is_set():
                    self._write()

    def _write(self) -> None:
        try:
            self._kept.write(self._sink, self._at_once)
        except BlockingIOError:  # it has less room than a page
            return
        except OSError:
            self._lost()

    def _is_written(self) -> bool:
        return self._kept.written == self._kept.said

    def _read(self, generation: int, source: int, _open: Any = None) -> None:
        """Read one connection to its end, until when it stays open: else its number might be another file's by then.
        A frame counts when it is whole: one torn by the end is sent again."""
        exactly = pipes.reader(source)
        try:
            while True:
                kind, body = frames.read(exactly)
                with self._turn:
                    if generation != self._generation:
                        return
                    self._heard += frames.HEADER_SIZE + len(body)
                    self._last_heard, self._away = time.monotonic(), False
                    self._turn.notify_all()
                    self._take(kind, body)
                if kind == frames.BYE:
                    break
        except (EOFError, OSError):
            with self._turn:
                if generation == self._generation:
                    self._lost()
            return
        except frames.BrokenFrame:
            pass
        self.end()

    def _lost(self) -> None:
        self._away = True
        if not self.grace or self._on_trial():
            self.end()

    def _watch(self) -> None:
        while not self.ended.wait(min(1.0, self._idle() / 4)):
            with self._turn:
                quiet = self._notice_silence()
                if self._away and quiet > self.grace:
                    self.end()

    def _idle(self) -> float:
        return min(IDLE_LIMIT, self.grace * 2 / 3) or IDLE_LIMIT

    def _notice_silence(self) -> float:
        """How many seconds nothing was heard; beyond the limit the controller is away."""
        quiet = time.monotonic() - self._last_heard
        if quiet > self._idle() and not self._away and not self.ended.is_set():
            self._lost()
        return quiet

    def _open_door(self) -> None:
        """Where no door can be made, the line lives as long as its connection."""
        try:
            self._door.open()
        except OSError:
            self.grace, self._kept.keeps = 0.0, False
            return
        self._begin(self._welcome)

    def _welcome(self) -> None:
        for connection, heard in self._door.knocks():
            if self.ended.is_set():
                return
            try:
                self._attach(connection, heard)
            except (OSError, ValueError):
                connection.close()

    def _attach(self, connection: socket.socket, heard: int) -> None:
        """Somebody has come back: he takes the line over, and hears what he has not heard yet."""
        with self._turn:
            if self.ended.is_set() or not self._kept.start <= heard <= self._kept.written:
                raise ValueError("too late")
            connection.sendall(frames.encode(frames.LINE, {"heard": self._heard}))
            connection.settimeout(None)
            if self._connection:
                self._connection.shutdown(SHUT_RDWR)
            self._connection, self._sink, self._at_once = connection, connection.fileno(), select.PIPE_BUF
            self._generation += 1
            self._kept.rewind(heard)
            self._told = self._heard
            self._last_heard, self._away = time.monotonic(), False
            self._turn.notify_all()
            self._begin(self._read, self._generation, connection.fileno(), connection)
        with self._writing:
            self._pump()
