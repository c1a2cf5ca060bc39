"""What the demonstration shows: a heading for each chapter, a line for each thing that is true now, the commands in between."""

from __future__ import annotations

import re
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

WIDTH = 100


class Screen:
    """Prints as the story goes on, and can keep a picture of it."""

    def __init__(self) -> None:
        self._console = Console(record=True, width=WIDTH, highlight=False)
        self._chapters = 0

    def chapter(self, title: str) -> None:
        self._chapters += 1
        self._console.print()
        self._console.print(Text(f"{self._chapters}. {title}", style="bold cyan"))

    def command(self, line: str) -> None:
        self._console.print(Text(f"   $ {line}", style="dim"))

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
            self._console.print(Text(f"     │ {line[: WIDTH - 8]}", style="yellow"))

    def summary(self, rows: list[tuple[str, str]], nexts: list[tuple[str, str]]) -> None:
        """The last page: what was measured, and what to type next."""
        measured = Table.grid(padding=(0, 3))
        for what, figure in rows:
            measured.add_row(what, Text(figure, style="bold"))
        typed = Table.grid(padding=(0, 3))
        typed.add_column(no_wrap=True)
        for command, meaning in nexts:
            typed.add_row(Text(command, style="cyan"), meaning)
        self._console.print()
        self._console.print(Panel(measured, title="what happened", border_style="green", padding=(1, 2)))
        self._console.print(Panel(typed, title="what to type next", border_style="cyan", padding=(1, 2)))

    def save(self, path: Path) -> None:
        """The whole screen as a picture (SVG)."""
        # Rich's own frame fetches a font from elsewhere; a picture in a README should stand alone.
        frame = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
        path.write_text(self._console.export_svg(title="make demo", code_format=frame), encoding="utf-8")
