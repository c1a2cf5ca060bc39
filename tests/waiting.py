"""Waiting for a state, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(true: Callable[[], object], *, limit: float = 300.0) -> None:
    """Wait until something is true; a generous limit, in seconds, says that it never will be."""
    deadline, pause = time.monotonic() + limit, 0.01
    while not true():
        assert time.monotonic() < deadline, f"it did not come true within {limit:g} s"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)
