"""What a run has come to so far, folded from its events: the one source of every view of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from windlass import events

STATUSES = ("ok", "changed", "unknown", "skipped", "failed")
WORTH_TELLING = ("changed", "unknown", "failed")


@dataclass(frozen=True, slots=True)
class Change:
    """An operation that changed something, would change it, or failed."""

    title: str
    status: str
    summary: str = ""
    diff: str = ""


@dataclass(slots=True)
class HostProgress:
    """How far a host is. Times are those of the clock the progress was given, in seconds.

    said   the last line of the program that it runs; `said_at` is when a line was last shown of it where lines are not redrawn
    """

    name: str
    began: float
    ended: float | None = None
    current: str = ""
    current_since: float = 0.0
    said: str = ""
    said_at: float = 0.0
    index: int = 0
    total: int = 0
    failed: str = ""
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATUSES, 0))
    changes: list[Change] = field(default_factory=list)

    @property
    def status(self) -> str:
        """failed, changed or ok; before its end `working`, before its first operation `waiting`."""
        if self.failed or self.counts["failed"]:
            return "failed"
        if self.ended is None:
            return "working" if self.total or any(self.counts.values()) else "waiting"
        return "changed" if self.counts["changed"] or self.counts["unknown"] else "ok"


@dataclass(slots=True)
class StepProgress:
    """A step of the flow; `seconds` is None while it lasts."""

    name: str
    began: float
    hosts: tuple[str, ...] = ()
    seconds: float | None = None
    failed: bool = False
    detail: str = ""


class Progress:
    """A listener that remembers. Events may come from several threads; `lock` is held while one is taken in."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.began = clock()
        self.steps: list[StepProgress] = []
        self.hosts: dict[str, HostProgress] = {}

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return self.clock() - self.began

    def __call__(self, event: events.Event) -> None:
        with self.lock:
            self._take(event)

    def _take(self, event: events.Event) -> None:
        match event:
            case events.StepStarted():
                self.steps.append(StepProgress(event.step, self.clock(), event.hosts))
                for name in event.hosts:
                    self._host(name)
            case events.StepEnded():
                self._end_step(event)
            case events.OperationStarted():
                self._start_operation(event)
            case events.OperationEnded():
                self._end_operation(event)
            case events.OperationOutput(lines=(*_, last)):
                self._host(event.host).said = last
            case events.HostEnded():
                host = self._host(event.host)
                host.ended, host.failed = self.clock(), event.failed or host.failed
                host.current = host.current if event.failed else ""  # where the line broke off is worth knowing

    def _host(self, name: str) -> HostProgress:
        if name not in self.hosts:
            self.hosts[name] = HostProgress(name, self.clock())
        return self.hosts[name]

    def _end_step(self, event: events.StepEnded) -> None:
        open_steps = [step for step in self.steps if step.name == event.step and step.seconds is None]
        if not open_steps:
            self.steps.append(StepProgress(event.step, self.clock() - event.seconds))
            open_steps = self.steps[-1:]
        step = open_steps[-1]
        step.seconds, step.failed, step.detail = event.seconds, event.failed, event.detail

    def _start_operation(self, event: events.OperationStarted) -> None:
        host = self._host(event.host)
        host.ended, host.said, host.said_at = None, "", self.clock()
        host.current, host.current_since, host.index, host.total = event.title, self.clock(), event.index, event.total

    def _end_operation(self, event: events.OperationEnded) -> None:
        host = self._host(event.host)
        host.counts[event.status] = host.counts.get(event.status, 0) + 1
        host.index, host.said = host.index + 1, ""
        if event.status in WORTH_TELLING:
            host.changes.append(Change(event.title, event.status, event.summary, event.diff))
