"""In which blocks a large file differs from the version before it, known from reading each of them once.

While a large file is read for its checksum, each of its blocks leaves a short print, and those of the last two versions are kept.
So a host that has the version before, and knows its checksum, is told where the new one differs without either end reading the file
once more. A print is no proof: what the host puts together has to have the new version's SHA-256, or it asks in the usual way.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from windlass import own_file
from windlass.agent.core.delta import block_size
from windlass.agent.core.sums import named
from windlass.operations.checksums import Since

PIECE: Final = 16 << 20  # bytes: whoever hashes leaves Python's lock alone meanwhile, and has to wait for it after each piece
PRINT: Final = 4  # bytes: a CRC-32
MOST_RANGES: Final = 1000
WORTHWHILE: Final = 4  # at least so many parts of a file, but one, have to be as they were: what was moved is found in another way

_read: dict[str, Version] = {}  # by path, in this process


@dataclass(frozen=True, slots=True)
class Version:
    """What a file was when it was read: its blocks have so many bytes each, and `prints` are theirs, in hexadecimal."""

    size: int
    sha256: str
    block: int
    prints: str


def read(path: str) -> tuple[int, str]:
    """Size and SHA-256 of the very bytes that were read; raises OSError. What else was seen of them is noted for `since`."""
    with Path(path).open("rb", buffering=0) as handle:
        block = block_size(os.fstat(handle.fileno()).st_size)
        digest, buffer, size, prints = hashlib.sha256(), memoryview(bytearray(PIECE)), 0, bytearray()
        while piece := _filled(handle.readinto, buffer):
            digest.update(piece)
            size += len(piece)
            for start in range(0, len(piece), block):
                prints += zlib.crc32(piece[start : start + block]).to_bytes(PRINT, "big")
    version = _read[path] = Version(size, digest.hexdigest(), block, prints.hex())
    return version.size, version.sha256


def _filled(readinto: Callable[[memoryview], int | None], buffer: memoryview) -> memoryview:
    """The next piece, as long as the buffer but at the end: blocks begin where pieces do."""
    filled = 0
    while filled < len(buffer) and (count := readinto(buffer[filled:])):
        filled += count
    return buffer[:filled]


class Versions:
    """The last two versions of each large file, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._changed: dict[str, list[Version]] = {}

    def since(self, path: str, sha256: str) -> Since | None:
        """Where the version of this checksum differs from the other one that is known; None where nobody knows, or in too much."""
        known = self._known(path, sha256)
        new = next((each for each in known if each.sha256 == sha256), None)
        old = next((each for each in known if each.sha256 != sha256), None)
        return _difference(old, new) if old and new else None

    def keep(self) -> None:
        """Write down what has changed. Raises OSError."""
        for path, versions in self._changed.items():
            own_file.write(self._place(path), json.dumps([asdict(each) for each in versions]).encode())
        self._changed.clear()

    def _known(self, path: str, sha256: str) -> list[Version]:
        known = self._changed.get(path) or _versions(self._place(path))
        new = _read.get(path)
        if new and new.sha256 == sha256 and new not in known:
            known = self._changed[path] = [new, *known][:2]
        return known

    def _place(self, path: str) -> Path:
        return self._folder / f"{named(path)}.versions"


def _versions(place: Path) -> list[Version]:
    """What was kept; nothing of what is not just as it is written here."""
    try:
        return [_version(each) for each in json.loads(own_file.read(place))]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def _version(kept: Any) -> Version:
    return Version(int(kept["size"]), str(kept["sha256"]), int(kept["block"]), str(kept["prints"]))


def _difference(old: Version, new: Version) -> Since | None:
    if old.block != new.block:
        return None
    ranges = tuple(_ranges(old, new))
    differing = sum(end - first for first, end in ranges)
    return Since(old.sha256, ranges) if len(ranges) <= MOST_RANGES and differing * WORTHWHILE <= new.size else None


def _ranges(old: Version, new: Version) -> Iterator[tuple[int, int]]:
    """Bytes of the new version, from and to, that are not at the same place in the old one. A block at the end of either that is
    no whole one is other than every other."""
    whole = min(old.size, new.size) // new.block
    step = 2 * PRINT
    first = -1
    for number in range(whole):
        place = slice(number * step, (number + 1) * step)
        if old.prints[place] != new.prints[place]:
            first = number if first < 0 else first
        elif first >= 0:
            yield first * new.block, number * new.block
            first = -1
    start = (first if first >= 0 else whole) * new.block
    if start < new.size:
        yield start, new.size
