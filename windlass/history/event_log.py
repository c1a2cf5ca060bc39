"""The event log of a run: `.windlass/runs/<run>/events.jsonl`, a JSON object a line, described in docs/formats/events.md."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TextIO

from windlass import events

VERSION: Final = 1
NAME: Final = "events.jsonl"
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)
FLUSH_EVERY: Final = 0.5  # seconds: who follows the file sees it grow, and a run of many hosts does not write each line by itself

# For each kind of event its name in the log, and for each member the attribute that it holds. Diffs stay out: they are large and
# show configuration; what programs write while they run stays out, too: the last lines of what failed are there.
_TOLD: Final[Mapping[type, tuple[str, Mapping[str, str]]]] = {
    events.RunStarted: ("run_started", {"run": "run", "task": "task", "environment": "environment", "check": "check"}),
    events.StepStarted: ("step_started", {"step": "step", "hosts": "hosts"}),
    events.StepEnded: ("step_ended", {"step": "step", "seconds": "seconds", "failed": "failed", "detail": "detail"}),
    events.OperationEnded: (
        "operation_ended",
        {
            "host": "host",
            "operation": "title",
            "status": "status",
            "seconds": "seconds",
            "summary": "summary",
            "last_lines": "last_lines",
        },
    ),
    events.HostConnected: (
        "host_connected",
        {
            "host": "host",
            "seconds": "seconds",
            "round_trips": "round_trips",
            "bytes_sent": "bytes_sent",
            "bytes_received": "bytes_received",
        },
    ),
    events.BatchEnded: (
        "batch_ended",
        {
            "host": "host",
            "seconds": "seconds",
            "round_trips": "round_trips",
            "bytes_sent": "bytes_sent",
            "bytes_received": "bytes_received",
        },
    ),
    events.HostEnded: ("host_ended", {"host": "host", "message": "failed"}),
    events.Note: ("note", {"host": "host", "text": "text", "warning": "warning"}),
}
_FIRST: Final[Mapping[type, Mapping[str, Any]]] = {events.RunStarted: {"version": VERSION}}


def described(event: events.Event) -> dict[str, Any] | None:
    """An event as the log tells it; None for those that it leaves out."""
    kind = type(event)
    if kind not in _TOLD:
        return None
    name, members = _TOLD[kind]
    told: dict[str, Any] = {"event": name, **_FIRST.get(kind, {})}
    for member, attribute in members.items():
        value = getattr(event, attribute)
        told[member] = round(value, 6) if isinstance(value, float) else value
    return told


class EventLog:
    """A listener that writes. The file comes to be with the first event that concerns a host; earlier ones wait for that.

    While the run goes on it holds a lock on the file, so that whoever finds the log of a run knows whether it still runs.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.is_open = False
        self._began = time.monotonic()
        self._second = (0, "")  # the last one that was written as text
        self._waiting: list[str] = []
        self._file: TextIO | None = None
        self._flushed = -FLUSH_EVERY  # seconds after the beginning
        self._lock = threading.Lock()

    def __call__(self, event: events.Event) -> None:
        """Raises OSError when it cannot be written."""
        body = described(event)
        if body is not None:
            touches = bool(getattr(event, "host", "") or getattr(event, "hosts", ()))
            self.write(body, opens=touches)

    def write(self, body: Mapping[str, Any], *, opens: bool = False) -> None:
        """A line with the times in front. Raises OSError."""
        with self._lock:
            elapsed = time.monotonic() - self._began
            line = {"at": self._now(), "elapsed": round(elapsed, 6), **body}
            self._waiting.append(_ENCODER.encode(line) + "\n")
            if self._file is None and opens:
                self._file = _created(self.path)
                self.is_open = True
            if self._file is not None:
                self._file.writelines(self._waiting)
                self._waiting.clear()
                self._flush(self._file, elapsed)

    def close(self) -> None:
        """Write what is left and let go of the file. Raises OSError."""
        with self._lock:
            if self._file is not None:
                self._file.close()

    def _now(self) -> str:
        """As ISO 8601 has it. All of a second begin alike, and there are many."""
        second, rest = divmod(time.time_ns(), 1_000_000_000)
        if second != self._second[0]:
            self._second = second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._second[1]}.{rest // 1_000_000:03}Z"

    def _flush(self, file: TextIO, elapsed: float) -> None:
        if elapsed - self._flushed >= FLUSH_EVERY:
            self._flushed = elapsed
            file.flush()


def _created(path: Path) -> TextIO:
    """The file, for its owner alone, locked while it is open. Half characters (of file names) stand in it as JSON has them."""
    for folder in (path.parent.parent, path.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    file = os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace")
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def goes_on(path: Path) -> bool:
    """Whether the run of this log is still under way."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
