"""What programs and other machines write, made fit to be shown: a person's terminal must not take orders from it."""

from __future__ import annotations

import re
from typing import Final

_ORDERS: Final = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))}
_PAINT: Final = re.compile(r"\x1b\[[0-9;:]*m")


def harmless(text: str) -> str:
    """Fit to be shown and kept: without orders to a terminal, and without half characters (of file names) that no file takes."""
    if text.isascii() and text.isprintable():  # nearly all are, or empty
        return text
    safe = text.translate(_ORDERS)
    return safe if safe.isascii() else safe.encode("utf-8", "backslashreplace").decode()


def unpainted(text: str) -> str:
    """The same of what may be in colours, which are left out."""
    return harmless(_PAINT.sub("", text))
