"""One run being recorded: its event log, its books, its entry in the history. What cannot be written never fails a run."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from windlass import events
from windlass.history.database import Forgetting, History, NewerHistory, RunRow
from windlass.history.event_log import NAME as LOG
from windlass.history.event_log import EventLog, goes_on
from windlass.history.ledger import Ledger

MOST_RUNS: Final = 200
LONGEST: Final = 90 * 86400.0  # seconds
SPARED: Final = 20  # runs that stay however old they seem: the clock may have jumped

_TROUBLE: Final = (OSError, sqlite3.Error, NewerHistory, UnicodeError)  # the last: a file name that no file takes


class Record:
    """A listener for events that are fit to be shown. `folder` is the project's `.windlass`.

    warnings   what a person should know: filled when something could not be written
    """

    def __init__(self, folder: Path, run: RunRow) -> None:
        self.warnings: list[str] = []
        self.ledger = Ledger()
        self._folder = folder
        self._run = replace(run, began=time.time())
        self._log = EventLog(folder / "runs" / run.run)
        self._history = History(folder)
        self._logging = True
        self._beginning: threading.Thread | None = None
        self._ending = threading.Lock()
        self._is_over = False

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, (events.OperationStarted, events.OperationOutput)):
            return  # what came of it is told
        with self._ending:
            if not self._is_over:  # a host that answers a run which has just ended must not begin it anew
                self._take(event)

    def _take(self, event: events.Event) -> None:
        self.ledger(event)
        if self._logging:
            self._logging = self._tried("the event log", lambda: self._log(event))
            if self._log.is_open and self._beginning is None:
                self._beginning = threading.Thread(target=self._begin, name="history", daemon=True)
                self._beginning.start()  # a disk may take its time, and no host has to wait for it

    def end(self, seconds: float, status: str, exit_code: int, error: dict[str, Any] | None) -> None:
        """The run is over, whatever is still heard of it. A run that concerned no host leaves nothing."""
        with self._ending:
            self._is_over = True
        if not self._touched:
            return
        told = error or {}
        for host, state in told.get("hosts", {}).items():
            self.ledger.tell(host, state)
        if told.get("host"):
            self.ledger.tell(told["host"], told["message"], failed=True)
        body = {"event": "run_ended", "status": status, "exit_code": exit_code, "seconds": round(seconds, 3), "error": error}
        if self._logging:
            self._tried("the event log", lambda: self._log.write(body, opens=True))
        ended = replace(self._run, seconds=round(seconds, 3), status=status, exit_code=exit_code)
        ended = replace(ended, message=told.get("message", ""), hint=told.get("hint", ""))
        if self._beginning:
            self._beginning.join()
        self._tried("the history", lambda: self._conclude(ended))
        self._tried("the event log", self._log.close)
        self.warnings += self._history.notes

    @property
    def _touched(self) -> bool:
        return self._log.is_open or bool(self.ledger.hosts)

    def _begin(self) -> None:
        self._tried("the history", lambda: self._history.write(self._run, []))

    def _conclude(self, ended: RunRow) -> None:
        """Enter the end. Old runs go, from the history and from disk; never one that is under way."""
        forgetting = Forgetting(before=time.time() - LONGEST, keep=MOST_RUNS, spare=SPARED)
        kept = set(self._history.conclude(ended, self.ledger.in_order(), forgetting))
        for name in sorted({*os.listdir(self._folder / "runs")} - kept):  # noqa: PTH208 - nearly all stay, and paths cost more
            with suppress(FileNotFoundError):  # another run that ends now forgets the same
                _forget(self._folder / "runs" / name)

    def _tried(self, what: str, work: Callable[[], object]) -> bool:
        try:
            work()
        except _TROUBLE as error:
            why = "a newer Windlass has written it" if isinstance(error, NewerHistory) else str(error)
            warning = f"{what} of this run is not kept: {why}"
            if warning not in self.warnings:
                self.warnings.append(warning)
            return False
        return True


def _forget(folder: Path) -> None:
    """Remove what an old run has left, unless it is a young one that the history has not heard of yet."""
    just_begun = folder.stat().st_mtime > time.time() - 60
    if not just_begun and not goes_on(folder / LOG):
        import shutil  # noqa: PLC0415 - few runs find one that is too old

        shutil.rmtree(folder)
