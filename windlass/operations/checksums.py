"""SHA-256 of local files: each is read, or somebody who remembers is asked first.

Nothing here knows where that would be kept: whoever opens a project says it (`windlass.history.checksums`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

PIECE = 256 * 1024

Measure = Callable[[str, str, os.stat_result], tuple[int, str]]
"""Size and checksum of a file: its name in the collection, its path, and the status that it had a moment ago."""


@contextmanager
def _reading(_collection: str) -> Iterator[Measure]:
    yield _read


_open: Callable[[str], AbstractContextManager[Measure]] = _reading


def remember_with(opener: Callable[[str], AbstractContextManager[Measure]] = _reading) -> None:
    """From now on, ask this; it gets the name of a collection of files, such as a tree. Without one, files are read each time."""
    global _open  # noqa: PLW0603 - one project is open at a time, and files are described where nobody could hand it on
    _open = opener


def measuring(collection: str) -> AbstractContextManager[Measure]:
    """What tells the checksums of the files in a collection."""
    return _open(collection)


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
