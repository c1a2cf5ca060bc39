"""The agent of one host at the other end: start it, give it batches, take results, streams and questions.

One thread uses a channel at a time; only `ping` may be called from another.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from windlass import events
from windlass.agent.core import frames
from windlass.errors import AgentFailed, ConnectionFailed, OperationFailed
from windlass.hosts.session import SILENCE_LIMIT, Opener, Session, lost
from windlass.hosts.starting import Starting
from windlass.hosts.target import Target
from windlass.hosts.upload import Uploads
from windlass.operations.operation import Operation
from windlass.operations.wire import Batch, encode

TRIAL_SILENCE: Final = 10.0  # seconds without a frame while a change on trial is being made; a ping comes every five
STATUSES: Final = ("ok", "changed", "unknown", "skipped", "failed")
Sink = Callable[[int, bytes], None]
Answerer = Callable[[Mapping[str, Any]], Mapping[str, Any]]
MOST_LINES: Final = 100  # lines of a program's output that are shown of one frame
WIDEST_LINE: Final = 1000
TELL_LIMIT: Final = 1.0  # seconds that a short word waits for whoever is sending; who sends is heard as well


# What a program on a host writes is shown to a person, whose terminal must not take orders from it.
_ORDERS: Final = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))}


def open_over_ssh(target: Target, command: str) -> Session:
    """The usual opener. Fabric and Paramiko load only when a host is called, not to print a list of tasks."""
    if target.transport == "openssh":
        from windlass.hosts import openssh  # noqa: PLC0415

        return openssh.open_session(target, command)
    from windlass.hosts.connection import open_session  # noqa: PLC0415

    return open_session(target, command)


@dataclass(frozen=True, slots=True)
class Result:
    """What one operation came to. `data` is what it found out."""

    operation: Operation
    status: str
    summary: str = ""
    diff: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    message: str = ""
    hint: str = ""
    last_lines: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return self.status in ("changed", "unknown")

    @property
    def failed(self) -> bool:
        return self.status == "failed"


@dataclass(frozen=True, slots=True)
class OnTrial:
    """A change that the host takes back by itself after `seconds`, unless it is confirmed over a new connection.

    active   the change is made; before that (or when the line fell silent just then) there is nothing to confirm
    """

    guard: str
    token: str
    seconds: float
    active: bool


Confirmer = Callable[["Target", OnTrial], None]


def no_answer(_question: Mapping[str, Any]) -> Mapping[str, Any]:
    """Nothing special: whatever asks does the usual."""
    return {}


def nobody_confirms(_target: Target, _change: OnTrial) -> None:
    """The host then takes every change on trial back."""


class Channel:
    """An open line to the agent on one host. `facts` are what it said of itself."""

    def __init__(
        self,
        target: Target,
        listener: events.Listener = events.nobody,
        opener: Opener = open_over_ssh,
        confirmer: Confirmer = nobody_confirms,
    ) -> None:
        self.target = target
        self._confirmer = confirmer
        self._trial: OnTrial | None = None
        self.round_trips = 0
        self._listener = listener
        self._lock = threading.Lock()
        self._over = ""
        began = time.monotonic()
        starting = Starting(target, opener)
        self._session = starting.session
        try:
            self._buffer = starting.finish()
            self.facts = self._hello()
        except BaseException:
            self.abandon()
            raise
        listener(events.HostConnected(target.name, time.monotonic() - began, *self._figures()))

    @property
    def bytes_sent(self) -> int:
        return self._session.sent

    @property
    def bytes_received(self) -> int:
        return self._session.received

    def _figures(self) -> tuple[int, int, int]:
        """Round trips, bytes sent, bytes received: so far."""
        return self.round_trips, self._session.sent, self._session.received

    def close(self) -> None:
        """Say goodbye and hang up; the agent ends and its locks are free."""
        self._tell(frames.BYE)
        self.abandon()

    def abandon(self) -> None:
        """Hang up at once, as a lost connection would."""
        self._over = self._over or "it was closed"
        self._session.close()

    @property
    def is_open(self) -> bool:
        """Whether it can still be used, as far as is known."""
        return not self._over

    def ping(self) -> None:
        """Let the agent know that somebody is still here. A dead line is noticed by whoever waits for results, not here."""
        self._tell(frames.PING)

    def cancel(self) -> None:
        """Ask the agent to end the batch under way: what waits stops waiting, what runs is finished, the rest is skipped."""
        self._tell(frames.CANCEL)

    def run(self, batch: Batch, sink: Sink | None = None, answer: Answerer = no_answer) -> tuple[Result, ...]:
        """Give the agent a batch and wait for all results. `sink` gets pieces of the host's streams, `answer` its questions.

        Raises OperationFailed for the first failed operation (unless the batch goes on), ConnectionFailed, AgentFailed.
        Whatever else ends it before the batch is over, such as a fault of the sink or of an answer, ends the channel, too: what
        the host still had to say of this batch would be taken for the next one's.
        """
        encoded = encode(batch)
        began, before = time.monotonic(), self._figures()
        try:
            with self._understood(), Uploads(encoded.files, self._send) as uploads:
                self._send(frames.encode(frames.CALL, encoded.body))
                self.round_trips += 1
                results = self._results(batch, uploads, sink, answer)
        except BaseException as error:
            self._over = self._over or f"the batch before was broken off ({error or type(error).__name__})"
            self._session.close()
            change, self._trial = self._trial, None
            if isinstance(error, ConnectionFailed) and change:
                self._confirmer(self.target, change)
            raise
        finally:
            spent = (now - then for now, then in zip(self._figures(), before, strict=True))
            self._listener(events.BatchEnded(self.target.name, time.monotonic() - began, *spent))
        if not batch.go_on:
            _raise_first_failure(self.target.name, results)
        return tuple(results)

    def _results(self, batch: Batch, uploads: Uploads, sink: Sink | None, answer: Answerer) -> list[Result]:
        results: list[Result] = []
        while True:
            kind, body = self._next_frame()
            if kind == frames.DONE:
                return _complete(batch, results)
            if kind == frames.RESULT:
                results.append(self._result(batch, frames.decode(body, kind), len(results)))
                if self._trial:
                    self._trial = None
                    self._session.wait_at_most(SILENCE_LIMIT)
            elif kind == frames.DATA and sink is not None:
                sink(*frames.decode_data(body))
            elif kind == frames.ASK:
                asked = frames.decode(body, kind)
                self._send(frames.encode(frames.ANSWER, {"number": asked["number"], "answer": dict(answer(asked["question"]))}))
            elif kind in (frames.FETCH, frames.CREDIT):
                uploads.handle(kind, frames.decode(body, kind))
            else:
                self._told(kind, body, batch)

    def _told(self, kind: bytes, body: bytes, batch: Batch) -> None:
        """Frames that only inform."""
        if kind == frames.START:
            index = frames.decode(body, kind)["index"]
            title = _asked(batch, index).title()
            self._listener(events.OperationStarted(self.target.name, title, index, len(batch.operations)))
        elif kind == frames.NOTE:
            self._listener(events.Note(_harmless(frames.decode(body, kind)["text"]), self.target.name))
        elif kind == frames.LIVE:
            self._listener(_output(self.target.name, frames.decode(body, kind)))
        elif kind == frames.ARMED:
            told = frames.decode(body, kind)
            self._on_trial(OnTrial(told["guard"], told["token"], told["seconds"], told["active"]))
        elif kind == frames.FATAL:
            raise AgentFailed(
                f"the agent on {self.target.name} broke",
                host=self.target.name,
                last_lines=frames.decode(body, kind)["message"].splitlines()[-12:],
            )

    def _on_trial(self, change: OnTrial) -> None:
        """A change that cuts this very line off is noticed as silence, which has to be shorter than usual then."""
        self._trial = None if change.active else change
        if change.active:
            self._confirmer(self.target, change)
            self._session.wait_at_most(SILENCE_LIMIT)
        else:
            self._session.wait_at_most(min(SILENCE_LIMIT, max(TRIAL_SILENCE, change.seconds / 2)))

    def _result(self, batch: Batch, body: dict[str, Any], expected: int) -> Result:
        if body["index"] != expected or body["status"] not in STATUSES:
            raise frames.BrokenFrame(f"{body['status']!r} of operation {body['index']}, not {expected}")
        operation = _asked(batch, expected)
        result = Result(
            operation=operation,
            status=body["status"],
            summary=_harmless(body.get("summary", "")),
            diff=_harmless(body.get("diff", "")),
            data=body.get("data", {}),
            seconds=body.get("seconds", 0.0),
            message=_harmless(body.get("message", "")),
            hint=_harmless(body.get("hint", "")),
            last_lines=tuple(_harmless(str(line)) for line in body.get("last_lines", ())),
        )
        said = result.message if result.failed else result.summary
        ended = (operation.title(), result.status, result.seconds, said, result.diff, result.last_lines)
        self._listener(events.OperationEnded(self.target.name, *ended))
        return result

    def _hello(self) -> dict[str, Any]:
        self._session.wait_at_most(SILENCE_LIMIT)
        self.round_trips += 1
        with self._understood():
            kind, body = self._next_frame()
            if kind != frames.HELLO:
                raise frames.BrokenFrame(repr(body[:200]))
            return frames.decode(body, kind)

    def _tell(self, kind: bytes) -> None:
        """Send a word without a body, if there is anybody to hear it."""
        if self._lock.acquire(timeout=TELL_LIMIT):
            try:
                with contextlib.suppress(ConnectionFailed):
                    self._send_now(frames.encode(kind, {}))
            finally:
                self._lock.release()

    def _send(self, data: bytes) -> None:
        with self._lock:
            self._send_now(data)

    def _send_now(self, data: bytes) -> None:
        if self._over:
            raise lost(self.target, self._over)
        try:
            self._session.send(data)
        except (OSError, EOFError) as error:
            raise lost(self.target, error) from error

    def _receive(self) -> bytes:
        try:
            return self._session.receive(1 << 18)
        except TimeoutError:
            raise lost(self.target, f"it has said nothing for {SILENCE_LIMIT:.0f} s") from None
        except (OSError, EOFError) as error:
            raise lost(self.target, error) from error

    @contextlib.contextmanager
    def _understood(self) -> Iterator[None]:
        """What a host sends is bytes that anybody may have made; what makes no sense ends the line."""
        try:
            yield
        except frames.BrokenFrame as error:
            raise AgentFailed(
                f"{self.target.name} sent something that is not the agent's: {error}",
                host=self.target.name,
                hint="run the same again; if it stays so, run the login by hand to see more",
            ) from error

    def _read_exactly(self, length: int) -> bytes:
        while len(self._buffer) < length:
            data = self._receive()
            if not data:
                raise lost(self.target, "it was closed from the other side" + _last_words(self._session.errors()))
            self._buffer += data
        data, self._buffer = self._buffer[:length], self._buffer[length:]
        return data

    def _next_frame(self) -> tuple[bytes, bytes]:
        """The next frame that is not a ping."""
        while True:
            kind, body = frames.read(self._read_exactly)
            if kind != frames.PING:
                return kind, body


def _output(host: str, told: Mapping[str, Any]) -> events.OperationOutput:
    """What a program writes, within bounds that do not depend on the host's word."""
    lines = tuple(_harmless(str(line)[:WIDEST_LINE]).replace("\n", " ") for line in list(told["lines"])[-MOST_LINES:])
    return events.OperationOutput(host, lines, int(told["missed"]))


def _complete(batch: Batch, results: list[Result]) -> list[Result]:
    if len(results) != len(batch.operations):
        raise frames.BrokenFrame(f"done after {len(results)} of {len(batch.operations)} operations")
    return results


def _asked(batch: Batch, index: int) -> Operation:
    """The operation that the host speaks of."""
    if not 0 <= index < len(batch.operations):
        raise frames.BrokenFrame(f"operation {index} of {len(batch.operations)}")
    return batch.operations[index]


def _harmless(text: str) -> str:
    return text.translate(_ORDERS)


def _last_words(errors: str) -> str:
    lines = errors.strip().splitlines()
    return f" ({lines[-1]})" if lines else ""


def _raise_first_failure(host: str, results: list[Result]) -> None:
    for result in results:
        if result.failed:
            raise OperationFailed(
                f"{result.operation.title()} failed on {host}: {result.message}",
                host=host,
                tried=result.operation.title(),
                hint=result.hint,
                last_lines=result.last_lines,
            )
