"""The checksums of the controller's own files, in `.windlass/checksums`: what is the same since the last run is not read again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from windlass.agent.core.sums import Sums, named
from windlass.operations import checksums

NAME = "checksums"


def remember_in(project: Path) -> None:
    """From now on, files that are described are looked up there first."""
    kept = _Kept(project / ".windlass" / NAME)
    checksums.remember_with(kept.collection)


class _Kept:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turns: dict[str, threading.Lock] = {}

    @contextmanager
    def collection(self, name: str) -> Iterator[checksums.Measure]:
        """One after the other: of many hosts that get the same tree, the first one's turn reads it, the others' find it known."""
        with self._turns.setdefault(name, threading.Lock()):
            with suppress(OSError):
                self._folder.mkdir(parents=True, exist_ok=True)
            sums = Sums(str(self._folder / named(name)), checksums.measured)
            yield sums.measure
            sums.keep()
