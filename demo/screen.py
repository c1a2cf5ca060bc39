"""What the demonstration shows: a heading for each chapter, a line for each thing that is true now, the commands in between."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.panel import Panel
from rich.progress import Progress, SpinnerColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

WIDTH = 100  # columns, of a picture and into a pipe; a terminal that has less gets no more than it has
NARROW = 76  # columns: with less, commands are shown without what they are for


class Screen:
    """Prints as the story goes on, and can keep a picture of it."""

    def __init__(self, *, picture: bool = False) -> None:
        width = WIDTH if picture else min(WIDTH, shutil.get_terminal_size((WIDTH, 0)).columns)
        self._console = Console(record=picture, width=width, highlight=False)
        self._chapters = 0

    def chapter(self, title: str) -> None:
        self._chapters += 1
        self._console.print()
        self._console.print(Text(f"{self._chapters}. {title}", style="bold cyan"))

    def command(self, line: str) -> None:
        self._console.print(Text(f"   $ {line}", style="dim"))

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """On a terminal something moves and counts seconds while the block lasts: a first setup takes a minute."""
        console = Console(width=self._console.width)  # another one, or each turn of it would be in the picture
        columns = (SpinnerColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            progress.add_task("")
            yield

    def say(self, line: str) -> None:
        self._told(" ", line)

    def good(self, line: str) -> None:
        self._told("[green]✓[/green]", line)

    def bad(self, line: str) -> None:
        self._told("[red]✗[/red]", line)

    def _told(self, mark: str, line: str) -> None:
        """What is longer than a line goes on below its beginning."""
        row = Table.grid(padding=(0, 1))
        row.add_row(f"   {mark}", line)
        self._console.print(row)

    def quote(self, lines: list[str]) -> None:
        """What a program said, in its own words."""
        for line in lines:
            self._console.print(Text(f"     │ {line[: self._console.width - 8]}", style="yellow"))

    def summary(self, rows: list[tuple[str, str]], nexts: list[tuple[str, str]]) -> None:
        """The last page: what was measured, and what to type next."""
        measured = Table.grid(padding=(0, 3))
        for what, figure in rows:
            measured.add_row(what, Text(figure, style="bold"))
        typed = Table.grid(padding=(0, 3))
        for command, meaning in nexts:
            typed.add_row(Text(command, style="cyan"), *([meaning] if self._console.width >= NARROW else []))
        self._console.print()
        self._console.print(Panel(measured, title="what happened", border_style="green", padding=(1, 2)))
        self._console.print(Panel(typed, title="what to type next", border_style="cyan", padding=(1, 2)))

    def save(self, path: Path) -> None:
        """The whole screen as a picture (SVG)."""
        # Rich's own frame fetches a font from elsewhere; a picture in a README should stand alone.
        frame = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
        path.write_text(self._console.export_svg(title="make demo", code_format=frame), encoding="utf-8")
