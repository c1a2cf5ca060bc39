"""Telling a host what it lacks of a file of which it has an old version, by the prints of both versions' blocks alone.

The new version's prints are there since it was read for its checksum; so nothing is read but what differs, for any number of hosts.
Only what stayed in its place is found in this way. Where that is too little, the host is told to describe its old version by what
also finds what was moved (`delta`).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from windlass.agent.core import blocks
from windlass.agent.core.delta import COPY, LITERAL, PIECE
from windlass.history import block_prints

NOTHING: Final = b"N"
FEW: Final = 2  # blocks that may differ, whatever the file's size
SHARE: Final = 64  # beyond that one of so many


def instructions(path: Path, checksum: str, described: Mapping[str, Any]) -> Iterator[bytes]:
    """How the host makes the file of this checksum from the one it has described. Raises BrokenFrame, OSError."""
    length, theirs = blocks.told(described)
    if length != blocks.length_of(checksum):
        yield NOTHING
        return
    ours = _short(block_prints.of(str(path), checksum))
    runs = _runs(ours, theirs)
    differing = sum(end - first for first, end, is_same in runs if not is_same)
    if differing > max(FEW, len(ours) // SHARE):
        yield NOTHING
        return
    with path.open("rb", buffering=0) as handle:
        size = os.fstat(handle.fileno()).st_size
        for first, end, is_same in runs:
            start, stop = first * length, min(end * length, size)
            if is_same:
                yield b"C" + COPY.pack(start, stop - start)
            else:
                yield from _literal(handle.fileno(), start, stop)


def _short(prints: bytes) -> list[bytes]:
    return [prints[at : at + blocks.SHORT] for at in range(0, len(prints), blocks.PRINT)]


def _runs(ours: list[bytes], theirs: list[bytes]) -> list[tuple[int, int, bool]]:
    """First block, the one after the last, and whether they are the same in both."""
    found, first = [], 0
    for is_same, run in itertools.groupby(one == other for one, other in itertools.zip_longest(ours, theirs[: len(ours)])):
        end = first + len(list(run))
        found.append((first, end, is_same))
        first = end
    return found


def _literal(descriptor: int, start: int, stop: int) -> Iterator[bytes]:
    for at in range(start, stop, PIECE):
        piece = os.pread(descriptor, min(PIECE, stop - at), at)
        yield b"L" + LITERAL.pack(len(piece)) + piece
