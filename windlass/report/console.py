"""Progress on a terminal: the steps of the flow and what each host is at, redrawn in place; what happened scrolls above it."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from windlass import events
from windlass.report.progress import HostProgress, Progress, StepProgress
from windlass.report.wording import Line, counted, line_of, output_lines, summary_lines
from windlass.values import human_seconds

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
PER_SECOND = 8
HANGING = " " * 6
MOST_BESIDE = 28  # characters of an operation's title beside which a program's last line is still worth showing
_STYLES = {"step": "bold", "note": "", "warning": "yellow", "changed": "yellow", "unknown": "magenta", "failed": "bold red"}
_MARKS = {"ok": ("✓", "green"), "changed": ("✓", "yellow"), "failed": ("✗", "bold red"), "note": ("·", "dim")}


class LiveReport:
    """A listener that draws. Use it as a context manager; leaving it takes the view away and leaves a summary."""

    def __init__(self, stream: TextIO, progress: Progress, *, title: str, check: bool = False, verbose: bool = False) -> None:
        self._progress = progress
        self._title = title
        self._check = check
        self._verbose = verbose
        self.console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._live = Live(
            console=self.console,
            get_renderable=self.view,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

        # Rich works out where the cursor is and writes in two steps: whoever draws holds this lock for both.
        self._drawing = threading.Lock()
        self._over = threading.Event()
        self._redrawing = threading.Thread(target=self._redraw, name="redraw", daemon=True)

    def __enter__(self) -> LiveReport:
        self._live.start()
        self._redrawing.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._redrawing.join()
        self._live.stop()
        for line in summary_lines(self._progress, check=self._check):
            mark, style = _MARKS[line.kind]
            self.console.print(Text.assemble((mark, style), f" {line.host}  {line.text}"))

    def __call__(self, event: events.Event) -> None:
        self._progress(event)
        line = line_of(event, self._progress, check=self._check)
        if line is not None and not isinstance(event, events.StepStarted):
            with self._drawing:
                self.console.print(self._hanging(_styled(line)))
        elif self._verbose and isinstance(event, events.OperationOutput):
            with self._drawing:
                for written in output_lines(event):
                    self.console.print(Text.assemble("  ", (f"{event.host}  ", "bold"), (f"| {written.text}", "dim")))

    def _hanging(self, text: Text) -> RenderableType:
        """What is longer than a line goes on below its beginning, not at the edge."""
        if text.cell_len <= self.console.width or "\n" in text.plain:
            return text
        first, *rest = text.wrap(self.console, self.console.width - len(HANGING))
        return Group(first, *(Text(HANGING) + line for line in rest))

    def view(self) -> RenderableType:
        """What is drawn now: as many hosts as the window has room for, those that need eyes first."""
        with self._progress.lock:
            now = self._progress.clock()
            head = Text.assemble((self._title, "bold"), f"  {human_seconds(self._progress.seconds)}")
            steps = [_step_row(step, now) for step in self._progress.steps if step.seconds is None]
            room = max(3, self.console.size.height - len(steps) - 3)
            return Group(head, *steps, *_host_rows(list(self._progress.hosts.values()), now, room, check=self._check))

    def _redraw(self) -> None:
        while not self._over.wait(1 / PER_SECOND):
            with self._drawing:
                self._live.refresh()


def _styled(line: Line) -> Text:
    style = _STYLES.get(line.kind, "")
    if line.kind == "step":
        return Text.assemble(("✓ ", "green"), line.text)
    mark = {"failed": "✗ ", "warning": "! "}.get(line.kind, "  ")
    host = f"{line.host}  " if line.host and not line.text.startswith(f"{line.host} ") else ""
    return Text.assemble((mark, style), (host, "bold"), (line.text, style))


def _frame(now: float) -> str:
    return FRAMES[int(now * PER_SECOND) % len(FRAMES)]


def _step_row(step: StepProgress, now: float) -> Text:
    where = f" on {', '.join(step.hosts)}" if step.hosts else ""
    text = Text.assemble((f"{_frame(now)} ", "cyan"), (step.name, "bold"), f"{where}  {human_seconds(now - step.began)}")
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _host_rows(hosts: list[HostProgress], now: float, room: int, *, check: bool) -> list[RenderableType]:
    """A row per host; where they are too many, failed and working ones first and a line for the rest."""
    ranks = {"failed": 0, "working": 1, "waiting": 2, "changed": 3, "ok": 3}
    shown = sorted(hosts, key=lambda host: (ranks[host.status], host.name) if len(hosts) > room else (0, host.name))
    width = max((len(host.name) for host in shown[:room]), default=0)
    rows: list[RenderableType] = [_host_row(host, now, width, check=check) for host in shown[:room]]
    rest = shown[room:]
    over = sum(host.ended is not None for host in rest)
    more = [Text(f"… and {len(rest)} more: {over} through, {len(rest) - over} not yet", style="dim")] if rest else []
    return [*rows, *more]


def _beside(title: str) -> str:
    """A title that leaves room in its row for what the program says."""
    return title if len(title) <= MOST_BESIDE else f"{title[: MOST_BESIDE - 1]}…"


def _host_row(host: HostProgress, now: float, width: int, *, check: bool) -> Text:
    """Mark, host, time, what it is at; columns of a fixed width come first, so that the view does not jump."""
    if host.ended is not None:
        mark, style = _MARKS[host.status]
        since, text = host.ended - host.began, host.failed.splitlines()[0] if host.failed else counted(host, check=check)
    else:
        mark, style = _frame(now), "cyan"
        since = now - (host.current_since if host.current else host.began)
        place = f"{min(host.index + 1, host.total)}/{host.total}  " if host.total else ""
        text = f"{place}{_beside(host.current) if host.said else host.current}"
    said = f"  {host.said}" if host.ended is None and host.said else ""
    row = Text.assemble(
        (mark, style), f" {host.name.ljust(width)}", (f"  {human_seconds(since):>12}  ", "dim"), text, (said, "dim")
    )
    row.no_wrap, row.overflow = True, "ellipsis"
    return row
