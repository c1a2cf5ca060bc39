"""Waiting for a state: generously, for timing never decides, and looking seldom, for a look at a host costs ten milliseconds of the
processor that whoever is waited for needs."""

from __future__ import annotations

import time
from collections.abc import Callable

SHORTEST, LONGEST = 0.05, 0.25  # seconds between two looks; the longer it has lasted, the longer


def until(true: Callable[[], object], limit: float = 300.0) -> None:
    """Wait until something is true; the limit (seconds) says that it never will be. Raises AssertionError then."""
    began = time.monotonic()
    while not true():
        waited = time.monotonic() - began
        assert waited < limit, f"it did not come true within {limit:.0f} s"
        time.sleep(min(LONGEST, max(SHORTEST, waited / 10)))
