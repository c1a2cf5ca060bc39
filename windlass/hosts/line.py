"""The controller's end of a line that survives its connection; `agent/core/lifeline.py` is the other.

What was sent is kept until the agent has said that it heard it. When the connection dies, whoever waits for frames connects anew,
tells the agent what was heard, sends it the rest again, and goes on as if nothing had been. This is tried for as long as the agent
waits: `target.grace_seconds` after the last frame.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from windlass import events
from windlass.agent.core import frames, relay
from windlass.errors import AgentFailed, ConnectionFailed, HostError
from windlass.hosts.agent.starting import Starting
from windlass.hosts.common.session import SILENCE_LIMIT, NotLetIn, Opener, Session, lost
from windlass.hosts.common.target import Target

TELL_LIMIT: Final = 1.0  # seconds that a short word waits for whoever is sending; who sends is heard as well
HEAR_EVERY: Final = 1024 * 1024  # bytes after which the agent is told what was heard
FIRST_PAUSE: Final = 0.2  # seconds before the second try to attach; each further one waits twice as long
LONGEST_PAUSE: Final = 5.0
AGENT_GONE: Final = "its agent is gone"


class AgentGone(ConnectionFailed):
    """The host is there, and its agent is not: it was killed, or the host rebooted."""


class Line:
    """Frames to and from the agent on one host. One thread uses it at a time; only `tell` may be called from another.

    agent_gone  whether it ended because the host is there and its agent is not
    begun      a start to the very same target that is under way already
    """

    def __init__(self, target: Target, listener: events.Listener, opener: Opener, begun: Starting | None = None) -> None:
        self.target = target
        self.agent_gone = False
        self._listener = listener
        self._opener = opener
        self._sending = threading.RLock()
        self._over = ""
        self._door: dict[str, Any] = {}
        self._held = False
        self._torn = ""  # why the connection is no good any more
        self._advice = ""  # against what stood in the way back
        self._kept: deque[bytes | bytearray] = deque()
        self._kept_from = 0
        self._heard = self._told = 0
        self._last_heard = time.monotonic()
        self._earlier = [0, 0]  # bytes sent and received over connections that are no more
        starting = begun or Starting(target, opener)
        self._session: Session = starting.session
        try:
            self._rest = memoryview(self._finished(starting))  # what has come and belongs to no frame yet
            self.facts = self._hello()
        except BaseException:
            self.hang_up()
            raise
        self._door = self.facts.pop("line", {})

    @property
    def sent(self) -> int:
        return self._earlier[0] + self._session.sent

    @property
    def received(self) -> int:
        return self._earlier[1] + self._session.received

    @property
    def is_open(self) -> bool:
        """Whether it can still be used, as far as is known."""
        return not self._over

    def wait_at_most(self, seconds: float) -> None:
        """How long silence may last."""
        self._session.wait_at_most(seconds)

    def hold(self, *, held: bool) -> None:
        """While held, a lost connection is the end of the line: somebody has to come in anew."""
        self._held = held

    def send(self, frame: bytes | bytearray) -> None:
        """Raises ConnectionFailed when the line is over; a connection that dies is noticed by whoever reads."""
        with self._sending:
            if self._over:
                raise lost(self.target, self._over)
            if self._door:
                self._kept.append(frame)
            if not self._torn:
                self._write(frame)

    def tell(self, kind: bytes) -> None:
        """Send a word without a body, if there is anybody to hear it."""
        if self._sending.acquire(timeout=TELL_LIMIT):
            try:
                with contextlib.suppress(ConnectionFailed):
                    self.send(frames.encode(kind, {"heard": self._hearing()} if kind == frames.PING else {}))
            finally:
                self._sending.release()

    def part(self, reason: str) -> None:
        """Say goodbye, if that is possible at once, and hang up: the agent finishes what it is at, and ends."""
        if self.is_open and not self._torn:
            self.wait_at_most(TELL_LIMIT)
            self.tell(frames.BYE)
        self._over = self._over or reason
        self.hang_up()

    def hang_up(self) -> None:
        """As a lost connection would."""
        self._over = self._over or "it was closed"
        self._session.close()

    def next_frame(self) -> tuple[bytes, bytearray]:
        """The next frame that is not a ping. Raises ConnectionFailed when the line is lost for good, AgentFailed for noise."""
        while True:
            try:
                kind, body = frames.read(self._read_exactly)
                self._took(kind, body)
            except ConnectionFailed as error:
                if self._over or self._held or not self._door:
                    raise
                self._attach(error)
            else:
                if kind != frames.PING:
                    return kind, body

    @contextlib.contextmanager
    def understood(self) -> Iterator[None]:
        """What a host sends is bytes that anybody may have made; what makes no sense ends the line."""
        try:
            yield
        except frames.BrokenFrame as error:
            raise AgentFailed(
                f"{self.target.name} sent something that is not the agent's: {error}",
                host=self.target.name,
                hint="run the same again; if it stays so, run the login by hand to see more",
            ) from error

    def _finished(self, starting: Starting) -> bytes:
        try:
            return starting.finish()
        finally:
            self._session = starting.session

    def _hello(self) -> dict[str, Any]:
        self.wait_at_most(SILENCE_LIMIT)
        with self.understood():
            kind, body = self.next_frame()
            if kind != frames.HELLO:
                raise frames.BrokenFrame(repr(body[:200]))
            return frames.decode(body, kind)

    def _took(self, kind: bytes, body: bytearray) -> None:
        self._heard += frames.HEADER_SIZE + len(body)
        self._last_heard = time.monotonic()
        if kind == frames.PING:
            self._forget(frames.decode(body, kind).get("heard", 0))
        if self._heard - self._told >= HEAR_EVERY and self._door:
            self.tell(frames.PING)

    def _hearing(self) -> int:
        self._told = self._heard
        return self._heard

    def _forget(self, heard: int) -> None:
        with self._sending:
            while self._kept and self._kept_from < heard:
                first = self._kept.popleft()
                taken = min(heard - self._kept_from, len(first))
                self._kept_from += taken
                if taken < len(first):  # several frames were sent as one, and not all of them were heard
                    self._kept.appendleft(first[taken:])

    def _write(self, data: bytes | bytearray) -> None:
        try:
            self._session.send(data)
        except (OSError, EOFError) as error:
            if not self._door:
                raise lost(self.target, error) from error
            self._torn = str(error) or type(error).__name__

    def _read_exactly(self, length: int) -> bytearray:
        """Each byte is copied once: a backup is many."""
        if len(self._rest) >= length:
            whole, self._rest = bytearray(self._rest[:length]), self._rest[length:]
            return whole
        whole, filled = bytearray(length), 0
        while True:
            piece = self._rest[: length - filled]
            whole[filled : filled + len(piece)] = piece
            self._rest = self._rest[len(piece) :]
            filled += len(piece)
            if filled == length:
                return whole
            self._rest = memoryview(self._receive())

    def _receive(self) -> bytes:
        if self._torn:
            raise lost(self.target, self._torn)
        try:
            data = self._session.receive(1 << 18)
        except TimeoutError:
            raise lost(self.target, f"it has said nothing for {SILENCE_LIMIT:.0f} s") from None
        except (OSError, EOFError) as error:
            raise lost(self.target, error) from error
        if not data:
            raise lost(self.target, "it was closed from the other side" + _last_words(self._session.errors()))
        return data

    def _attach(self, why: ConnectionFailed) -> None:
        """Take the line up again over a new connection. Raises what ended it when that is not possible in time."""
        began = time.monotonic()
        deadline = max(self._last_heard + self.target.grace_seconds, began + self.target.connect_seconds)
        pause = FIRST_PAUSE
        with self._sending:
            self._torn = why.message
            self._session.close()
            while not self._over:
                said = self._attach_once()
                if not said:
                    break
                if time.monotonic() + pause > deadline or said == AGENT_GONE:
                    raise self._given_up(why, said)
                time.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
        if self._over:
            self.hang_up()
            raise why
        seconds = time.monotonic() - began
        self._listener(events.Note(f"{why.message}; attached again after {seconds:.1f} s", self.target.name, warning=True))

    def _attach_once(self) -> str:
        """Empty when it is done, else why not."""
        try:
            anew = dataclasses.replace(self.target, warm_seconds=0)  # a shared connection may be the one that died
            starting = Starting(anew, self._opener, attach=True)
            self._earlier = [self.sent, self.received]
            self._session = starting.session
            self._rest = memoryview(self._finished(starting).removeprefix(relay.READY))
            self._shake_hands()
        except HostError as error:
            why, self._advice = error.message, error.hint if isinstance(error, AgentFailed | NotLetIn) else ""
        except (OSError, EOFError, ValueError, KeyError, frames.BrokenFrame) as error:
            why = str(error) or type(error).__name__
        else:
            return ""
        self._torn = why
        self._session.close()
        return why

    def _shake_hands(self) -> None:
        """Both sides say what they have heard, and the rest is sent again."""
        self._torn = ""
        self.wait_at_most(SILENCE_LIMIT)
        ours = frames.encode(frames.LINE, {"token": self._door["token"], "heard": self._heard})
        self._session.send(f"{self._door['path']}\n".encode() + ours)
        kind, body = frames.read(self._read_exactly)
        theirs = frames.decode(body, kind)
        if kind != frames.LINE or "heard" not in theirs:
            raise ConnectionFailed(AGENT_GONE, host=self.target.name)
        self._forget(theirs["heard"])
        self._told = self._heard
        for frame in self._kept:
            self._session.send(frame)

    def _given_up(self, why: ConnectionFailed, said: str) -> ConnectionFailed:
        self.agent_gone = said == AGENT_GONE
        kind = AgentGone if self.agent_gone else ConnectionFailed
        return kind(
            f"{why.message}, and could not be taken up again: {said}",
            host=self.target.name,
            hint=f"{self._advice}; then {why.hint}" if self._advice else why.hint,
        )


def _last_words(errors: str) -> str:
    lines = errors.strip().splitlines()
    return f" ({lines[-1]})" if lines else ""
