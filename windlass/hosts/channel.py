"""The agent of one host at the other end: start it, give it batches, take results, streams and questions.

One thread uses a channel at a time; only `ping` may be called from another.
"""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from windlass import events
from windlass.agent.core import frames
from windlass.errors import AgentFailed, ConnectionFailed
from windlass.hosts.agent import agent_modules
from windlass.hosts.agent.call_frames import call_frame
from windlass.hosts.agent.controller import is_dead
from windlass.hosts.agent.results import Result, asked, complete, output, raise_first_failure, result_of, title
from windlass.hosts.agent.starting import Starting
from windlass.hosts.common.session import SILENCE_LIMIT, Opener
from windlass.hosts.common.target import Target
from windlass.hosts.content.upload import Uploads, along
from windlass.hosts.line import Line
from windlass.hosts.opening import open_over_ssh
from windlass.operations.operation import LocalFile
from windlass.operations.wire import MOST_KEPT, Batch, encode
from windlass.terminal import harmless

TRIAL_SILENCE: Final = 10.0  # seconds without a frame while a change on trial is being made; a ping comes every five
Sink = Callable[[int, memoryview], None]
Answerer = Callable[[Mapping[str, Any]], Mapping[str, Any]]


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


def prepare(batch: Batch) -> None:
    """Make what a new agent will have to be taught for this batch, while nobody waits for it yet; it is made once for all hosts."""
    agent_modules.frame(_lessons(batch))


@functools.lru_cache(maxsize=MOST_KEPT)
def _lessons(batch: Batch) -> frozenset[str]:
    contents = [getattr(operation, "content", None) for operation in batch.asked]
    sizes = [content.size for content in contents if isinstance(content, LocalFile)]
    kinds = frozenset(operation.kind() for operation in batch.asked)
    needed = agent_modules.for_operations(kinds, max(sizes, default=0))
    if batch.along:
        needed |= agent_modules.for_arrivals()
    if batch.alone:
        needed |= agent_modules.for_locks()
    return needed | agent_modules.for_checks() if batch.check else needed


class Channel:
    """An open line to the agent on one host. `facts` are what it said of itself.

    told          of how many operations of the last batch it was told what they came to
    told_before   of how many of the next batch it was told already, when that was broken off: they are not told again
    _at           the operation that was last said to have begun
    """

    def __init__(
        self,
        target: Target,
        listener: events.Listener = events.nobody,
        opener: Opener = open_over_ssh,
        confirmer: Confirmer = nobody_confirms,
        begun: Starting | None = None,
    ) -> None:
        self.target = target
        self._confirmer = confirmer
        self._trial: OnTrial | None = None
        self.told = self.told_before = 0
        self._at = -1
        self._listener = listener
        began = time.monotonic()
        self._line = Line(target, listener, opener, begun)
        self._taught: frozenset[str] = frozenset()
        self._given_streams = itertools.count(frames.GIVEN_FROM)
        self.facts = self._line.facts
        self.round_trips = 1
        listener(events.HostConnected(target.name, time.monotonic() - began, *self._figures()))

    @property
    def bytes_sent(self) -> int:
        return self._line.sent

    @property
    def bytes_received(self) -> int:
        return self._line.received

    def _figures(self) -> tuple[int, int, int]:
        """Round trips, bytes sent, bytes received: so far."""
        return self.round_trips, self._line.sent, self._line.received

    def close(self) -> None:
        """Say goodbye and hang up; the agent ends and its locks are free."""
        self._line.part("it was closed")

    def abandon(self) -> None:
        """Hang up at once, whatever the agent is at: it finishes that, and ends."""
        self._line.part("it was abandoned")

    @property
    def is_open(self) -> bool:
        """Whether it can still be used, as far as is known."""
        return self._line.is_open

    @property
    def is_without_agent(self) -> bool:
        """Whether the host was there when the line was to be taken up again, and its agent was not."""
        return self._line.agent_gone

    def ping(self) -> None:
        """Let the agent know that somebody is still here. A dead line is noticed by whoever waits for results, not here."""
        self._line.tell(frames.PING)

    def cancel(self) -> None:
        """Ask the agent to end the batch under way: what waits stops waiting, what runs is finished, the rest is skipped."""
        self._line.tell(frames.CANCEL)

    def run(self, batch: Batch, sink: Sink | None = None, answer: Answerer = no_answer) -> tuple[Result, ...]:
        """Give the agent a batch and wait for all results. `sink` gets pieces of the host's streams, `answer` its questions.

        Raises OperationFailed for the first failed operation (unless the batch goes on), ConnectionFailed, AgentFailed.
        Whatever else ends it before the batch is over, such as a fault of the sink or of an answer, ends the channel, too: what
        the host still had to say of this batch would be taken for the next one's.
        """
        encoded = encode(batch)
        self.told = len(batch.before)
        self._at = -1
        began, before = time.monotonic(), self._figures()
        try:
            with self._line.understood(), Uploads(encoded.files, self._line.send) as uploads:
                given = along(batch.along, self._given_streams)
                own = {**self._journal(batch), **({"given": given} if given else {})}
                self._line.send(self._teaching(batch) + call_frame(encoded, own))
                uploads.give(given)
                self.round_trips += 1
                results = self._results(batch, uploads, sink, answer)
        except BaseException as error:
            self._line.part(f"the batch before was broken off ({error or type(error).__name__})")
            change, self._trial = self._trial, None
            if isinstance(error, ConnectionFailed) and change:
                self._confirmer(self.target, change)
            raise
        finally:
            spent = (now - then for now, then in zip(self._figures(), before, strict=True))
            self._listener(events.BatchEnded(self.target.name, time.monotonic() - began, *spent))
        self.told_before = 0
        if not batch.go_on:
            raise_first_failure(self.target.name, results)
        return tuple(results)

    def _journal(self, batch: Batch) -> dict[str, str]:
        """What the batch's journal on this host is called: a machine may be there under two names."""
        return {"journal": f"{batch.journal}.{self.target.name}"} if batch.journal else {}

    def _teaching(self, batch: Batch) -> bytes:
        """The modules that this batch needs and the agent does not have yet."""
        new = _lessons(batch) - self._taught
        self._taught |= new
        return agent_modules.frame(new) if new else b""

    def _results(self, batch: Batch, uploads: Uploads, sink: Sink | None, answer: Answerer) -> list[Result]:
        results: list[Result] = []
        while True:
            kind, body = self._line.next_frame()
            if kind == frames.DONE:
                return complete(batch, results)
            if kind == frames.RESULT:
                results.append(self._result(batch, frames.decode(body, kind), len(batch.before) + len(results)))
                if self._trial:
                    self._trial = None
                    self._line.wait_at_most(SILENCE_LIMIT)
                self._line.hold(held=False)
            elif kind == frames.DATA and sink is not None:
                sink(*frames.decode_data(memoryview(body)))
            elif kind == frames.ASK:
                question = frames.decode(body, kind)
                said = _of_us(question["question"]) or dict(answer(question["question"]))
                self._line.send(frames.encode(frames.ANSWER, {"number": question["number"], "answer": said}))
            elif kind in (frames.FETCH, frames.CREDIT):
                uploads.handle(kind, frames.decode(body, kind))
            else:
                self._told(kind, body, batch)

    def _told(self, kind: bytes, body: bytearray, batch: Batch) -> None:
        """Frames that only inform."""
        if kind == frames.START:
            self._begin(batch, frames.decode(body, kind)["index"])
        elif kind == frames.NOTE:
            self._listener(events.Note(harmless(frames.decode(body, kind)["text"]), self.target.name))
        elif kind == frames.LIVE:
            self._listener(output(self.target.name, frames.decode(body, kind)))
        elif kind == frames.ARMED:
            told = frames.decode(body, kind)
            self._on_trial(OnTrial(told["guard"], told["token"], told["seconds"], told["active"]))
        elif kind == frames.FATAL:
            raise AgentFailed(
                f"the agent on {self.target.name} broke",
                host=self.target.name,
                last_lines=[harmless(line) for line in frames.decode(body, kind)["message"].splitlines()[-12:]],
                hint="the same command can be run again; please report these lines",
            )

    def _begin(self, batch: Batch, index: int) -> None:
        begun = title(asked(batch, index))
        self._at = index
        if index >= self.told_before:
            self._listener(events.OperationStarted(self.target.name, begun, index, len(batch.operations)))

    def _on_trial(self, change: OnTrial) -> None:
        """A change that cuts this very line off is noticed as silence, which has to be shorter than usual then."""
        self._trial = None if change.active else change
        self._line.hold(held=True)
        if change.active:
            self._confirmer(self.target, change)
            self._line.wait_at_most(SILENCE_LIMIT)
        else:
            self._line.wait_at_most(min(SILENCE_LIMIT, max(TRIAL_SILENCE, change.seconds / 2)))

    def _result(self, batch: Batch, body: dict[str, Any], expected: int) -> Result:
        result = result_of(batch, body, expected)
        if self._at < expected and result.status != "skipped":  # over at once: a host says by itself only of those that last
            self._begin(batch, expected)
        said = result.message if result.failed else result.summary
        ended = (title(result.operation), result.status, result.seconds, said, result.diff, result.last_lines)
        self.told = expected + 1
        if self.told > self.told_before:
            self._listener(events.OperationEnded(self.target.name, *ended))
        return result


def _of_us(question: Mapping[str, Any]) -> dict[str, Any]:
    """What can be said here of a controller that some agent waits for, of YAML, which Python cannot read without a library, and of
    the agent's own modules."""
    if question.get("want") == "yaml":
        from windlass.hosts.agent import yaml_text  # noqa: PLC0415 - loaded only when a host asks

        return yaml_text.answer(question)
    if question.get("want") == "modules":
        return {"modules": agent_modules.asked_for(str(question.get("name")))}
    return {"dead": is_dead(str(question["controller"]))} if "controller" in question else {}
