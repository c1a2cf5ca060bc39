"""Progress as plain lines, each with its host in front: for logs, pipes, cron and dumb terminals. No colour, no cursor."""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import TextIO

from windlass import events
from windlass.report.progress import Progress
from windlass.report.wording import Line, line_of, output_lines, sign_of_life, summary_lines


class PlainReport:
    """Writes a line for each event that is worth one, as it comes: with `verbose` also all that programs write while they run."""

    def __init__(self, stream: TextIO, progress: Progress, *, check: bool = False, verbose: bool = False) -> None:
        self._stream = stream
        self._progress = progress
        self._check = check
        self._verbose = verbose

    def __enter__(self) -> PlainReport:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._progress.lock:
            for line in summary_lines(self._progress, check=self._check):
                self._write(line)

    def __call__(self, event: events.Event) -> None:
        with self._progress.lock:
            self._progress(event)
            for line in self._lines(event):
                self._write(line)

    def _lines(self, event: events.Event) -> list[Line]:
        if isinstance(event, events.OperationOutput):
            if self._verbose:
                return output_lines(event)
            line = sign_of_life(event, self._progress)
        else:
            line = line_of(event, self._progress, check=self._check)
        return [line] if line else []

    def _write(self, line: Line) -> None:
        with contextlib.suppress(OSError):  # whoever watched has gone, or the log's disk is full: the work goes on
            self._stream.write("".join(f"{row}\n" for row in plain(line)))
            self._stream.flush()


def plain(line: Line) -> list[str]:
    """The text of a line; several rows where the text has several, each with its prefix."""
    prefix = f"[{line.host}] " if line.host else ("== " if line.kind in ("step", "failed") else "")
    mark = {"warning": "warning: ", "output": "| "}.get(line.kind, "")
    return [prefix + mark + row for row in line.text.splitlines() or [""]]
