"""Files with secrets are text, or it is said which and where they are not."""

from __future__ import annotations

from pathlib import Path

from windlass.errors import InventoryError


def text_of(path: Path, shown_as: str) -> str:
    """What the file says. Raises InventoryError where it cannot be read, and with its line where it is not UTF-8."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InventoryError(f"{shown_as} cannot be read: {error.strerror}", hint=f"look at it: ls -l {shown_as}") from None
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InventoryError(f"{shown_as}:{line} is not UTF-8 text", hint="save the file as UTF-8") from None
