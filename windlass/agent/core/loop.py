"""The agent's life: say hello, run batches as they come, and end when the controller does.

A thread reads frames; operations run one after the other in the main thread. When the connection ends, or no frame comes for long,
the operation under way is finished (programs like dpkg must not be cut off) and no further one starts. If the controller
comes back in time (see `lifeline`), the batch goes on; if not, it is gone: the process ends, which frees its locks.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any, Callable, Dict, List, Optional

from windlass.agent.core import calls, frames, listening, login, modules, owed, trouble
from windlass.agent.core.context import Context
from windlass.agent.core.facts import facts
from windlass.agent.core.journal import Journal
from windlass.agent.core.lifeline import NOBODY_COMES, Lifeline
from windlass.agent.core.outcome import OperationError, Outcome
from windlass.agent.core.parts import Empty, SimpleQueue, signal

FORESIGHT = "windlass.agent.core.foresight"
LOOKS_UP = 1.0  # seconds; Python acts on a signal only between two waits, and one that comes just before the wait does not end it
VIGILS = ("watch.watch", "frontend.pages_served")  # they watch over what the operation before has just done


class Loop:
    """Takes batches from a line and tells it what they come to."""

    def __init__(self, source: int, sink: int, grace: float = 0.0, controller: str = "") -> None:
        self._calls: "SimpleQueue[Optional[Dict[str, Any]]]" = SimpleQueue()
        self._line = Lifeline(source, sink, grace, on_trial=lambda: self._context.on_trial)
        self._context = Context(self._line.send)
        self._context.controller = controller
        signal.signal(NOBODY_COMES, lambda _number, _frame: self._line.end_soon())
        self._pinged = threading.Event()
        listening.audience = listening.Audience(self._line.offer, self._context.mask)
        self._foresight: Any = None  # which only a check loads

    def run(self) -> None:
        line = self._line.open(self._take, self._leave)
        self._line.send(frames.encode(frames.HELLO, dict(facts(), line=line)))
        self._line.listen()
        threading.Thread(target=self._answer, daemon=True).start()
        while True:
            try:
                call = self._calls.get(timeout=LOOKS_UP)
            except Empty:
                continue
            if call is None:
                return
            self._batch(call)

    def break_down(self, trace: str) -> None:
        """Tell of a fault of the agent itself."""
        self._line.send(frames.encode(frames.FATAL, {"message": self._context.mask(trace)[-2000:]}))

    def _leave(self) -> None:
        self._context.gone.set()
        self._context.cancelled.set()
        self._calls.put(None)

    def _take(self, kind: bytes, body: bytearray) -> None:
        if kind in (frames.MODULES, frames.CALL, frames.ANSWER):
            self._told(kind, body)
        elif kind == frames.DATA:
            self._context.arrived(*frames.decode_data(memoryview(body)))
        elif kind == frames.PING:
            self._line.forget(frames.decode(body, kind).get("heard", 0))
            self._pinged.set()
        elif kind == frames.CANCEL:
            self._context.cancelled.set()
        if self._line.has_news():
            self._pinged.set()

    def _told(self, kind: bytes, body: bytearray) -> None:
        if kind == frames.MODULES:
            modules.learn(body)
        elif kind == frames.CALL:
            if not self._context.gone.is_set():
                self._context.cancelled.clear()  # here, where a CANCEL that follows cannot be overtaken
            call = calls.read(body)
            self._context.take_along(call.get("given", {}))
            self._calls.put(call)
        else:
            answer = frames.decode(body, kind)
            self._context.answered(answer["number"], answer["answer"])

    def _answer(self) -> None:
        """Answers to pings wait for room on the wire; who reads frames must not, or a slow reader would look like none."""
        while True:
            self._pinged.wait()
            self._pinged.clear()
            self._line.ping()

    def _batch(self, call: Dict[str, Any]) -> None:
        context = self._context
        context.begin(bool(call["check"]), tuple(call["secrets"]))
        context.known.begin(call["operations"])
        changed: List[bool] = [each is True for each in call.get("before", [])]
        failed = acted = False
        self._foresight = self._foreseeing() if context.check else None
        journal = Journal(call.get("journal", ""), call["operations"], context, call.get("alone"))
        for index, operation in enumerate(call["operations"]):
            if index < len(changed):
                continue  # an earlier call did it, before a reboot
            vigil = acted and operation["kind"] in VIGILS  # waits for nobody: what is watched serves already
            if not vigil:
                self._line.wait_for_somebody()
                if self._line.ended.is_set():  # `gone` is set a moment later
                    return
            hopeless = failed or index < (journal.differs or 0)
            acted = not hopeless and _wanted(operation, changed) and (vigil or not context.cancelled.is_set())
            if not acted:
                changed.append(False)
                self._line.send_soon(frames.encode(frames.RESULT, {"index": index, "status": "skipped"}))
                continue
            self._line.announce(frames.encode(frames.START, {"index": index}))
            result = journal.done(index) or self._journaled(journal, index, changed)
            changed.append(bool(result.get("changed")))
            failed = result["status"] == "failed" and not call["go_on"]
            told = {name: value for name, value in result.items() if value}
            self._line.send_soon(frames.encode(frames.RESULT, dict(told, index=index)))
        journal.close()
        self._line.send(frames.encode(frames.DONE, {}))

    def _foreseeing(self) -> Any:
        return modules.get(FORESIGHT, self._context).Foresight(self._context)

    def _journaled(self, journal: Journal, index: int, changed: List[bool]) -> Dict[str, Any]:
        try:
            journal.begin(index)
        except OperationError as error:
            return dict(self._failure(str(error), error.hint, error.last_lines, error.data), seconds=0.0)
        result = self._perform(journal.operations[index], changed)
        journal.end(index, result)
        return result

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
            result = self._failure(message, hint, [] if hint else trouble.trace().splitlines()[-12:], {})
        self._context.known.after(operation["kind"], result["status"])
        result["seconds"] = round(time.monotonic() - started, 6)
        return result

    def _outcome(self, operation: Dict[str, Any], changed: List[bool]) -> Outcome:
        if not self._context.check:
            return _run(operation, self._context, changed)
        outcome: Outcome = self._foresight.foresee(operation, self._context, lambda: _run(operation, self._context, changed))
        return outcome

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
    module = modules.get("windlass.agent." + family, context)
    function: Callable[[Dict[str, Any], Context], Outcome] = getattr(module, name)
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
    """Entry point on the host. Its words: who is at work; how many seconds a lost controller may stay away, or `attach`; which
    process the controller is."""
    grace, controller = (sys.argv[2:] + ["", ""])[:2]
    if grace == frames.ATTACH:
        from windlass.agent.core.relay import relay  # noqa: PLC0415 - nothing else of all this is needed then

        relay()
        return
    signal.alarm(0)  # it was set before the agent came
    sink = os.dup(1)
    os.dup2(2, 1)  # nothing else can write to the line afterwards
    source = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.umask(0o022)
    os.chdir("/")
    _outlive_the_connection()
    loop = Loop(source, sink, float(grace or 0), controller)
    try:
        loop.run()
    except BaseException:
        loop.break_down(trouble.trace())
        raise
    sys.stderr.flush()
    os._exit(0)  # the reader thread may hang in read(2) for ever


def _outlive_the_connection() -> None:
    """The end of the login must not be that of the operation under way: no hang-up, and a session of our own if that may be."""
    signal.signal(signal.SIGHUP, lambda _number, _frame: None)  # not ignored: the programs that we start would inherit that
    try:
        os.setsid()
    except PermissionError:
        pass
    login.leave()
