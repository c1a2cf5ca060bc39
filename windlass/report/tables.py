"""Tables as plain text: columns that line up, nothing more, so that they can be piped."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final, TextIO

GAP: Final = 2
INDENT: Final = "    "


def table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Columns under a head; a column that is empty in every row is left out.

    What a terminal has no room for beside the rest goes below its row, by name: lines that the terminal itself cuts nobody can
    read. `width` is that of the terminal standard output is; without one a row is a line, for programs that read it.
    """
    used = [index for index in range(len(head)) if any(row[index] for row in rows)]
    lines = [[head[index] for index in used], *([row[index] for index in used] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(used))]
    room = (terminal_width(sys.stdout) if width is None else width) or sys.maxsize
    count = _fitting(widths, room)
    shown = []
    for number, line in enumerate(lines):
        cells = zip(line[:count], widths[:count], strict=True)
        shown.append((" " * GAP).join(cell.ljust(space) for cell, space in cells).rstrip())
        shown += _below(lines[0][count:], line[count:], room) if number else []
    return "\n".join(shown)


def _fitting(widths: Sequence[int], room: int) -> int:
    """How many columns there is room for: one at least."""
    return next((count for count in range(len(widths), 1, -1) if sum(widths[:count]) + GAP * (count - 1) <= room), 1)


def _below(names: Sequence[str], values: Sequence[str], room: int) -> list[str]:
    """The other columns of a row: `memory 92 MiB, cpu 0 %`."""
    import textwrap  # noqa: PLC0415 - most tables fit

    said = ", ".join(f"{name} {value}".strip() for name, value in zip(names, values, strict=True) if value)
    return textwrap.wrap(
        said, room, initial_indent=INDENT, subsequent_indent=INDENT, break_long_words=False, break_on_hyphens=False
    )


def terminal_width(stream: TextIO) -> int:
    """Of the terminal that it is; 0 where it is none."""
    try:
        return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
    except (OSError, ValueError):  # it has no file of its own
        return 0
