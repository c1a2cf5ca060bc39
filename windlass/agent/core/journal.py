"""What a run has begun and finished on this host, on its disk: /var/lib/windlass/runs/<run>.<host>.jsonl, for root alone (`paper`).

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
import time
from typing import IO, Any, Dict, List, Optional, Set

from windlass.agent.core import heirs, modules, quick_json, trouble
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError
from windlass.agent.core.paper import FAULTS, Paper, record_of
from windlass.agent.core.parts import sha256

LET_GO = 60.0  # seconds to wait for the agent of before, which finishes what it is at
LOCK_WAIT = 2.0  # seconds: enough for a holder that has just been killed
HOLDING = "windlass.agent.core.holding"  # which only who is to be alone needs
REBOOT = "reboot.reboot"
DONE = ("ok", "changed", "skipped")
ENDS = (*DONE, "failed")
CONDITIONS = ("creates", "removes", "unless", "only_if")


class Journal:
    """One batch's journal. Without a name, or where there is no disk to write to, it knows nothing and writes nothing.

    name         the run's, a dot, and the host's
    operations   all that is wanted
    alone        name, holder and purpose of a lock that keeps other runs out meanwhile
    differs      the first operation that is not the one of before, if there is any
    """

    def __init__(
        self, name: str, operations: List[Dict[str, Any]], context: Context, alone: Optional[Dict[str, str]] = None
    ) -> None:
        self.differs: Optional[int] = None
        self._run = name.partition(".")[0]
        self._goes_on = False
        self.operations = operations
        self._finished: Dict[int, Dict[str, Any]] = {}
        self._begun: Set[int] = set()
        self._paper: Optional[Paper] = None
        self._lock: Optional[IO[str]] = None
        self._refusal: Optional[OperationError] = None
        self._full: Optional[OSError] = None
        if name and not context.check:
            try:
                self._open(name, context)
                self._lock = self._alone(alone, context) if alone else None
            except OperationError as error:
                self._refusal = error
            except OSError as error:
                self._give_up(error)

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
        if blind and (index in self._begun or (self._paper and self._paper.lost)):
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
        paper, self._paper = self._paper, None
        lock, self._lock = self._lock, None
        if paper:
            paper.close()
        if lock:
            lock.close()

    def _open(self, name: str, context: Context) -> None:
        self._paper = Paper(name)
        _lock(self._paper.first, context)
        self._take_over(self._paper.records(), context)

    def _alone(self, alone: Dict[str, str], context: Context) -> Optional[IO[str]]:
        """Keep other runs out. Raises OperationError, which says who is there; where /run is full, nobody is kept out."""
        holding = modules.get(HOLDING, context)
        try:
            handle: IO[str] = holding.hold(alone["name"], dict(alone, run=self._run), LOCK_WAIT, context, self._refuse_if_overtaken)
        except OSError:
            return None
        return handle

    def _refuse_if_overtaken(self, last: Dict[str, Any]) -> None:
        """Not if a later run has been at work since this one broke off, or stood still: names of runs sort by time."""
        if self._goes_on and str(last.get("run", "")) > self._run:
            raise OperationError(
                "%s has been at work here since, with %s: to go on with run %s would take a part of that back"
                % (last.get("holder") or "another run", last.get("purpose") or last["run"], self._run),
                hint="run setup anew, without --resume: what is done is left alone",
            )

    def _give_up(self, error: OSError) -> None:
        """What looks before it acts goes on without a journal; so does everything for who can have none, not being root."""
        if error.errno in FAULTS:
            self._full = error
        if self._paper:
            self._paper.close()
            self._paper = None

    def _write(self, record: Dict[str, Any], firm: bool, at_once: bool = True) -> None:
        if self._paper is None:
            return
        try:
            self._paper.write(record, firm, at_once)
        except OSError as error:
            self._give_up(error)

    def _take_over(self, records: List[Dict[str, Any]], context: Context) -> None:
        digests = [digest(operation) for operation in self.operations]
        if not records:
            self._write(dict(heirs.signature(context), operations=digests), firm=False)
            return
        self._goes_on = True
        self._write(heirs.signature(context), firm=False)
        before = ([record["operations"] for record in records if isinstance(record.get("operations"), list)] or [[]])[-1]
        unlike = [index for index in range(min(len(before), len(digests))) if before[index] != digests[index]]
        self.differs = unlike[0] if unlike else None
        if len(digests) > len(before) and not unlike:  # what comes after a reboot is told in a call of its own
            self._write({"operations": digests}, firm=False)
        for record in records[1:]:
            self._remember(record)

    def _remember(self, record: Dict[str, Any]) -> None:
        """What another version may have written otherwise is passed over."""
        if isinstance(record.get("begun"), int):
            self._begun.add(record["begun"])
        index, result = record.get("index"), record.get("result")
        if isinstance(index, int) and isinstance(result, dict) and result.get("status") in ENDS:
            self._begun.discard(index)
            if result["status"] in DONE:
                self._finished[index] = result


def is_blind(operation: Dict[str, Any]) -> bool:
    """Whether it acts without a look at what is there: a command without a condition, but for those that follow a change."""
    arguments = operation["arguments"]
    if operation["kind"] != "command.run" or arguments.get("changed") is False:
        return False
    return not operation["notified_by"] and not any(arguments.get(name) for name in CONDITIONS)


def digest(operation: Dict[str, Any]) -> str:
    """What tells an operation, with all its values, from every other."""
    return sha256(quick_json.ordered(operation).encode()).hexdigest()


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
    signed = [record for record in map(record_of, handle.read().split("\n")) if record and "agent" in record]
    return signed[-1] if signed else {}
