"""The checksums of the controller's own files, in `.windlass/checksums`: what is the same since the last run is not read again."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from windlass.agent.core.sums import Sums, named
from windlass.operations import checksums

NAME = "checksums"


def remember_in(project: Path) -> Kept:
    """From now on, files that are described are looked up there first."""
    kept = Kept(project)
    checksums.remember_with(kept.collection)
    return kept


class Kept:
    """Collections of checksums, each read once and written when the process ends: while hosts wait there is better to do."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._folder = project / ".windlass" / NAME
        self._turn = threading.Lock()
        self._open: dict[str, tuple[threading.Lock, Sums]] = {}

    @contextmanager
    def collection(self, name: str) -> Iterator[checksums.Measure]:
        """One after the other: of many hosts that get the same tree, the first one's turn reads it, the others' find it known."""
        with self._turn:
            if not self._open:
                atexit.register(self.keep)
            if name not in self._open:
                self._open[name] = (threading.Lock(), Sums(str(self._folder / named(name)), checksums.measured))
            turn, sums = self._open[name]
        with turn:
            yield sums.measure

    def keep(self) -> None:
        """Write down what is known by now."""
        with self._turn, suppress(OSError):
            if self._project.is_dir():
                self._folder.mkdir(parents=True, exist_ok=True)
                for turn, sums in self._open.values():
                    with turn:
                        sums.keep()
