"""Checksums of local files: each is read, or somebody who remembers is asked first.

Nothing here knows where that would be kept: whoever opens a project says it (`windlass.history.checksums`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

PIECE = 256 * 1024

Measure = Callable[[str, str, os.stat_result], tuple[int, str]]
"""Size and checksum of a file: its name in the collection, its path, and the status that it had a moment ago."""


class Opener(Protocol):
    """Says what tells the checksums of the files in a collection, such as a tree; by their blocks, if that is wanted."""

    def __call__(self, collection: str, /, *, by_blocks: bool) -> AbstractContextManager[Measure]: ...


@contextmanager
def _reading(_collection: str, *, by_blocks: bool) -> Iterator[Measure]:  # noqa: ARG001 - as a whole is as good
    yield _read


_open: Opener = _reading


def remember_with(opener: Opener = _reading) -> None:
    """From now on, ask this. Without one, files are read each time, and as a whole."""
    global _open  # noqa: PLW0603 - one project is open at a time, and files are described where nobody could hand it on
    _open = opener


def measuring(collection: str, *, by_blocks: bool = False) -> AbstractContextManager[Measure]:
    """What tells the checksums of the files in a collection; by their blocks, if that is as good and somebody remembers them: of a
    file that changed in one place, a host then need not read the rest (`windlass/agent/core/blocks.py`)."""
    return _open(collection, by_blocks=by_blocks)


def measured(path: str, size: int) -> tuple[int, str]:
    """Size and SHA-256 of a file of about this size, of the very bytes that were read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # thousands of files: a Python file for each takes as long as the rest
    try:
        piece = os.read(descriptor, min(size + 1, PIECE))
        digest, read = hashlib.sha256(piece), len(piece)
        while piece and read != size:  # a large one, or one that grows
            piece = os.read(descriptor, PIECE)
            digest.update(piece)
            read += len(piece)
        return read, digest.hexdigest()
    finally:
        os.close(descriptor)


def _read(_name: str, path: str, status: os.stat_result) -> tuple[int, str]:
    return measured(path, status.st_size)
