"""What a run has begun and finished on this host, on its disk: /var/lib/windlass/runs/<run>.<host>.jsonl, for root alone.

It bridges what a line cannot: an agent that was killed, a host that rebooted, a controller that ended. The same batch of the same
run, given again, is answered from here as far as it is finished. An operation that had only begun is done again if it looks before
it acts, as nearly all do; a command without a condition is not, for nobody knows how it ended.

The host is what the inventory calls it: a machine that is there under two names has two plans.

The first line holds a checksum of each operation with its values, so that a plan that has changed since is noticed. A blind command
does not begin before its record is on the disk; that of a change need only outlive this process, and that of what had nothing to
do not even that: it is written with the next one that has to be.
"""

from __future__ import annotations

import fcntl
import os
import time
from typing import IO, Any, Dict, List, Optional, Set

from windlass.agent.core import heirs, quick_json, trouble
from windlass.agent.core.context import STATE, Context
from windlass.agent.core.outcome import OperationError
from windlass.agent.core.parts import sha256

FOLDER = os.path.join(STATE, "runs")
MOST = 50  # runs that are kept
LAST = 5  # of them, whatever the clock says
OLDEST = 7 * 86400.0  # seconds
LET_GO = 60.0  # seconds to wait for the agent of before, which finishes what it is at
REBOOT = "reboot.reboot"
DONE = ("ok", "changed", "skipped")
LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
CONDITIONS = ("creates", "removes", "unless", "only_if")


class Journal:
    """One batch's journal. Without a name, or where there is no disk to write to, it knows nothing and writes nothing.

    name         the run's, a dot, and the host's
    operations   all that is wanted
    differs      the first operation that is not the one of before, if there is any
    """

    def __init__(self, name: str, operations: List[Dict[str, Any]], context: Context) -> None:
        self.differs: Optional[int] = None
        self._run = name.partition(".")[0]
        self.operations = operations
        self._finished: Dict[int, Dict[str, Any]] = {}
        self._begun: Set[int] = set()
        self._handle: Optional[IO[str]] = None
        self._refusal: Optional[OperationError] = None
        self._full: Optional[OSError] = None
        if name and not context.check:
            try:
                self._handle = _opened(name)
            except OSError:
                return
            try:
                self._take_over(self._handle, context)
            except OperationError as error:
                self._refusal = error

    def done(self, index: int) -> Optional[Dict[str, Any]]:
        """What the operation came to, if it is finished."""
        result = self._finished.get(index) if self.differs is None else None
        if result is None:
            return None
        again = dict(result, summary=(result.get("summary", "") + " (done before)").strip())
        return dict(again, status="ok") if self.operations[index]["kind"] == REBOOT else again  # nobody shall wait for it again

    def begin(self, index: int) -> None:
        """Raises OperationError for what must not be done now."""
        if self._refusal:
            raise self._refusal
        if self.differs == index:
            raise OperationError(
                "this is not what run %s wanted here: the plan or a value has changed since" % self._run,
                hint="run setup anew, without --resume: what is done is left alone",
            )
        blind = is_blind(self.operations[index])
        if index in self._begun and blind:
            raise OperationError(
                "it was begun in run %s, and nobody knows how it ended" % self._run,
                hint="look at what it does on this host; then run setup anew, without --resume, which runs it again",
            )
        if blind:
            self._write({"begun": index}, firm=True)
            if self._full:
                message, hint = trouble.explained(self._full)
                raise OperationError("it is not begun, for that cannot be noted here: %s" % message, hint=hint)

    def end(self, index: int, result: Dict[str, Any]) -> None:
        """Remember what it came to."""
        firm = is_blind(self.operations[index])
        self._write({"index": index, "result": result}, firm=firm, at_once=firm or result.get("status") != "ok")

    def close(self) -> None:
        """Let another agent have it."""
        handle, self._handle = self._handle, None
        if handle:
            try:
                handle.close()
            except OSError:  # a full disk is told by the operations themselves
                pass

    def _write(self, record: Dict[str, Any], firm: bool, at_once: bool = True) -> None:
        if self._handle is None:
            return
        try:
            self._handle.write(quick_json.short(record) + "\n")
            if at_once:
                self._handle.flush()
            if firm:
                os.fsync(self._handle.fileno())
        except OSError as error:  # what looks before it acts goes on without
            self._full = error
            self.close()

    def _take_over(self, handle: IO[str], context: Context) -> None:
        _lock(handle, context)
        handle.seek(0)
        text = handle.read()
        digests = [digest(operation) for operation in self.operations]
        records = [record for record in map(_record, text.split("\n")) if record]
        if not records:
            self._write(dict(heirs.signature(context), operations=digests), firm=False)
            return
        if not text.endswith("\n"):  # torn by whatever ended the agent of before
            handle.write("\n")
        self._write(heirs.signature(context), firm=False)
        before = ([record["operations"] for record in records if "operations" in record] or [[]])[-1]
        unlike = [index for index in range(min(len(before), len(digests))) if before[index] != digests[index]]
        self.differs = unlike[0] if unlike else None
        if len(digests) > len(before) and not unlike:  # what comes after a reboot is told in a call of its own
            self._write({"operations": digests}, firm=False)
        for record in records[1:]:
            self._remember(record)

    def _remember(self, record: Dict[str, Any]) -> None:
        if "begun" in record:
            self._begun.add(record["begun"])
            return
        if "index" not in record:
            return
        self._begun.discard(record["index"])
        if record.get("result", {}).get("status") in DONE:
            self._finished[record["index"]] = record["result"]


def is_blind(operation: Dict[str, Any]) -> bool:
    """Whether it acts without a look at what is there: a command without a condition, but for those that follow a change."""
    arguments = operation["arguments"]
    if operation["kind"] != "command.run" or arguments.get("changed") is False:
        return False
    return not operation["notified_by"] and not any(arguments.get(name) for name in CONDITIONS)


def digest(operation: Dict[str, Any]) -> str:
    return sha256(quick_json.ordered(operation).encode()).hexdigest()


def _opened(name: str) -> IO[str]:
    run = _run_of(name)
    if not run or "_" in run or not LETTERS.issuperset(name) or name.endswith("."):
        raise OSError("not a run's name")
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    path = os.path.join(FOLDER, name + ".jsonl")
    if not os.path.exists(path):
        _prune()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    return os.fdopen(descriptor, "r+", encoding="utf-8")


def _lock(handle: IO[str], context: Context) -> None:
    """Not while the agent of before is still at it. Raises OperationError when that takes too long."""
    deadline = time.monotonic() + LET_GO
    told = False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise OperationError(
                    "the agent of before is still at work here", hint="wait until it is done, then run again"
                ) from None
            if not told:
                told = True
                heirs.told_to_end(_holder(handle), context)
            context.wait(0.1)
        else:
            return


def _holder(handle: IO[str]) -> Dict[str, Any]:
    handle.seek(0)
    signed = [record for record in map(_record, handle.read().split("\n")) if record and "agent" in record]
    return signed[-1] if signed else {}


def _record(line: str) -> Optional[Dict[str, Any]]:
    try:
        record = quick_json.read(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _prune() -> None:
    """Runs sort by time. The last ones stay however old they seem to be: the clock may have jumped."""
    names = [name for name in os.listdir(FOLDER) if name.endswith(".jsonl")]
    runs = sorted({_run_of(name) for name in names}, reverse=True)
    places = {run: place for place, run in enumerate(runs)}
    for name in names:
        path, place = os.path.join(FOLDER, name), places[_run_of(name)]
        try:
            if place >= MOST - 1 or (place >= LAST and time.time() - os.stat(path).st_mtime > OLDEST):
                os.unlink(path)
        except FileNotFoundError:
            pass


def _run_of(name: str) -> str:
    return name.partition(".")[0]
