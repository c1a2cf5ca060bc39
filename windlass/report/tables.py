"""Tables as plain text: columns that line up, nothing more, so that they can be piped."""

from __future__ import annotations

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns under a head; a column that is empty in every row is left out."""
    used = [index for index in range(len(head)) if any(row[index] for row in rows)]
    lines = [[head[index] for index in used], *([row[index] for index in used] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(used))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
