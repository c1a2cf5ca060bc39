"""The agent's life: say hello, run batches as they come, and end when the controller does.

A thread reads frames; operations run one after the other in the main thread. If no frame comes for `IDLE_LIMIT` seconds, or
the channel ends, the controller is gone: the operation under way is finished (programs like dpkg must not be cut off),
no further one starts, and the process ends, which frees its locks.
"""

from __future__ import annotations

import importlib
import os
import queue
import select
import sys
import threading
import time
import traceback
from typing import Any, Callable, Dict, List, Optional

from windlass.agent.core import calls, frames, listening, owed, trouble
from windlass.agent.core.context import Context
from windlass.agent.core.facts import facts
from windlass.agent.core.foresight import Foresight
from windlass.agent.core.outcome import OperationError, Outcome

IDLE_LIMIT = 30.0


class Loop:
    """Reads frames from `source`, writes frames to `sink` (file descriptors)."""

    def __init__(self, source: int, sink: int) -> None:
        self._source = source
        self._sink = sink
        self._write_lock = threading.Lock()
        self._calls: "queue.Queue[Optional[Dict[str, Any]]]" = queue.Queue()
        self._context = Context(self.send)
        self._last_heard = time.monotonic()
        self._pinged = threading.Event()
        listening.audience = listening.Audience(self.offer, self._context.mask)
        self._foresight = Foresight()

    def run(self) -> None:
        self.send(frames.encode(frames.HELLO, facts()))
        for target in (self._read_frames, self._watch, self._answer):
            threading.Thread(target=target, daemon=True).start()
        while True:
            call = self._calls.get()
            if call is None:
                return
            self._batch(call)

    def send(self, frame: bytes) -> None:
        """Wait for room on the wire, but not for a controller that is gone: nobody will ever read what stands in the pipe."""
        with self._write_lock:
            self._push(frame)

    def offer(self, frame: bytes) -> bool:
        """Send a frame of at most PIPE_BUF bytes if there is room for it right now, and say whether it was sent."""
        if not self._write_lock.acquire(blocking=False):
            return False
        try:
            if self._context.gone.is_set() or not select.select([], [self._sink], [], 0)[1]:
                return False
            self._push(frame)
        finally:
            self._write_lock.release()
        return True

    def _push(self, frame: bytes) -> None:
        view = memoryview(frame)
        try:
            while view and not self._context.gone.is_set():
                if select.select([], [self._sink], [], 1.0)[1]:
                    view = view[os.write(self._sink, view[: select.PIPE_BUF]) :]  # so much fits without waiting
        except OSError:
            self._leave()

    def break_down(self, trace: str) -> None:
        """Tell of a fault of the agent itself."""
        self.send(frames.encode(frames.FATAL, {"message": self._context.mask(trace)[-2000:]}))

    def _leave(self) -> None:
        self._context.gone.set()
        self._context.cancelled.set()
        self._calls.put(None)

    def _read_exactly(self, length: int) -> bytes:
        pieces = []
        while length:
            piece = os.read(self._source, min(length, 1 << 20))
            if not piece:
                raise EOFError
            pieces.append(piece)
            length -= len(piece)
        return b"".join(pieces)

    def _read_frames(self) -> None:
        kind = b""
        try:
            while kind != frames.BYE:
                kind, body = frames.read(self._read_exactly)
                self._last_heard = time.monotonic()
                self._take(kind, body)
        except (EOFError, OSError, frames.BrokenFrame):
            pass
        self._leave()

    def _take(self, kind: bytes, body: bytes) -> None:
        if kind == frames.CALL:
            if not self._context.gone.is_set():
                self._context.cancelled.clear()  # here, where a CANCEL that follows cannot be overtaken
            self._calls.put(calls.read(body))
        elif kind == frames.DATA:
            self._context.arrived(*frames.decode_data(body))
        elif kind == frames.ANSWER:
            answer = frames.decode(body, kind)
            self._context.answered(answer["number"], answer["answer"])
        elif kind == frames.PING:
            self._pinged.set()
        elif kind == frames.CANCEL:
            self._context.cancelled.set()

    def _answer(self) -> None:
        """Answers to pings wait for room on the wire; who reads frames must not, or a slow reader would look like none."""
        while True:
            self._pinged.wait()
            self._pinged.clear()
            self.send(frames.encode(frames.PING, {}))

    def _watch(self) -> None:
        while not self._context.gone.wait(1.0):
            if time.monotonic() - self._last_heard > IDLE_LIMIT:
                self._leave()

    def _batch(self, call: Dict[str, Any]) -> None:
        context = self._context
        context.begin(bool(call["check"]), tuple(call["secrets"]))
        changed: List[bool] = [each is True for each in call.get("before", [])]
        failed = False
        self._foresight = Foresight()
        for index, operation in enumerate(call["operations"]):
            if index < len(changed):
                continue  # an earlier call did it, before a reboot
            if context.gone.is_set():
                return
            if failed or context.cancelled.is_set() or not _wanted(operation, changed):
                changed.append(False)
                self.send(frames.encode(frames.RESULT, {"index": index, "status": "skipped"}))
                continue
            self.send(frames.encode(frames.START, {"index": index}))
            result = self._perform(operation, changed)
            changed.append(bool(result.get("changed")))
            failed = result["status"] == "failed" and not call["go_on"]
            self.send(frames.encode(frames.RESULT, dict(result, index=index)))
        self.send(frames.encode(frames.DONE, {}))

    def _perform(self, operation: Dict[str, Any], changed: List[bool]) -> Dict[str, Any]:
        started = time.monotonic()
        try:
            owed.begin(operation["notifies"])
            outcome = self._outcome(operation, changed)
            result = self._described(outcome)
            if outcome.changed and not self._context.check:
                owed.remember()
        except OperationError as error:
            result = self._failure(str(error), error.hint, error.last_lines, error.data)
        except Exception as error:
            message, hint = trouble.explained(error)
            result = self._failure(message, hint, [] if hint else traceback.format_exc().splitlines()[-12:], {})
        result["seconds"] = round(time.monotonic() - started, 6)
        return result

    def _outcome(self, operation: Dict[str, Any], changed: List[bool]) -> Outcome:
        if not self._context.check:
            return _run(operation, self._context, changed)
        return self._foresight.foresee(operation, self._context, lambda: _run(operation, self._context, changed))

    def _described(self, outcome: Outcome) -> Dict[str, Any]:
        mask = self._context.mask
        status = "unknown" if outcome.unknown else "changed" if outcome.changed else "ok"
        return {
            "status": status,
            "changed": outcome.changed,
            "summary": mask(outcome.summary),
            "diff": mask(outcome.diff),
            "data": outcome.data,
        }

    def _failure(self, message: str, hint: str, last_lines: List[str], data: Dict[str, Any]) -> Dict[str, Any]:
        mask = self._context.mask
        return {
            "status": "failed",
            "message": mask(message),
            "hint": mask(hint),
            "last_lines": self._context.mask_lines(last_lines),
            "data": data,
        }


def _wanted(operation: Dict[str, Any], changed: List[bool]) -> bool:
    """An operation with `only_after` runs if one of those changed something."""
    conditions = operation["only_after"]
    return not conditions or any(changed[index] for index in conditions)


def _run(operation: Dict[str, Any], context: Context, changed: List[bool]) -> Outcome:
    family, name = operation["kind"].split(".")
    function: Callable[[Dict[str, Any], Context], Outcome] = getattr(importlib.import_module("windlass.agent." + family), name)
    watched = operation["notified_by"]
    if not watched:
        return function(operation["arguments"], context)
    identities = {reaction: "%s %s" % (operation["identity"], reaction) for reaction in watched}
    due = [
        reaction
        for reaction, indexes in watched.items()
        if any(changed[index] for index in indexes) or owed.is_owed(identities[reaction])
    ]
    outcome = function(dict(operation["arguments"], notified=due), context)
    if not context.check:
        for identity in identities.values():
            owed.forget(identity)
    return outcome


def main() -> None:
    """Entry point on the host: frames on stdin and stdout; nothing else can write to that stdout afterwards."""
    sink = os.dup(1)
    os.dup2(2, 1)
    source = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.umask(0o022)
    os.chdir("/")
    loop = Loop(source, sink)
    try:
        loop.run()
    except BaseException:
        loop.break_down(traceback.format_exc())
        raise
    sys.stderr.flush()
    os._exit(0)  # the reader thread may hang in read(2) for ever
