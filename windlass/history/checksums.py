"""The checksums of the controller's own files, in `.windlass/checksums`: what is the same since the last run is not read again."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from windlass.agent.core import blocks
from windlass.agent.core.sums import Sums, named
from windlass.history import block_prints, reading_ahead
from windlass.operations import checksums

NAME = "checksums"

_described: dict[str, None] = {}


def remember_in(project: Path) -> Kept:
    """From now on, files that are described are looked up there first."""
    kept = Kept(project)
    checksums.remember_with(kept.collection)
    return kept


def large_files() -> list[str]:
    """Those that were described in this process."""
    return [name for name in _described if Path(name).is_file()]  # a tree's name is no path alone


def _by_blocks(path: str, size: int) -> tuple[int, str]:
    """Of a large file; what it is made of is remembered for those hosts that have an older version."""
    found = reading_ahead.found(path)
    if found is None:
        size, digest = blocks.measured(path, blocks.length_for(size))
        found = size, block_prints.note(digest)
    return found


class Kept:
    """Collections of checksums, each read once and written when the process ends: while hosts wait there is better to do."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._folder = project / ".windlass" / NAME
        self._turn = threading.Lock()
        self._open: dict[str, tuple[threading.Lock, Sums]] = {}

    @contextmanager
    def collection(self, name: str, *, by_blocks: bool) -> Iterator[checksums.Measure]:
        """One after the other: of many hosts that get the same tree, the first one's turn reads it, the others' find it known."""
        with self._turn:
            if not self._open:
                atexit.register(self.keep)
            if name not in self._open:
                _described[name] = None
                since = reading_ahead.since(time.time_ns())
                measured, file = (_by_blocks, reading_ahead.collection(name)) if by_blocks else (checksums.measured, named(name))
                self._open[name] = (threading.Lock(), Sums(str(self._folder / file), measured, since))
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
