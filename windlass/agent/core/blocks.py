"""The checksum of a large file by its blocks: SHA-256 of a line that says how long they are, and of the SHA-256 of each.

It says as much of a file as SHA-256 of the whole does, and takes as long. But who keeps the blocks' own checksums, the *prints*,
need not read what two versions share to know the new one's, nor either of them to see what differs.

It is written as 64 hexadecimal digits, a hyphen and the bytes of a block, so that nobody takes it for that of the whole.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any, Dict, List, Optional, Tuple, Union

from windlass.agent.core.frames import BrokenFrame, Bytes

SMALLEST = 128 * 1024  # bytes of a block: as many travel at least when one changes
MOST = 2048  # blocks of a file, roughly
PRINT = 32  # bytes of a block's checksum
SHORT = 8  # of them are enough to guess what is the same; the checksum of the whole proves it
PIECE = 1 << 20  # bytes that are read at once


def length_for(size: int) -> int:
    """How long the blocks of a file of this size are."""
    length = SMALLEST
    while length * MOST < size:
        length *= 2
    return length


def length_of(checksum: str) -> int:
    """How long the blocks are that this is the checksum of; 0 where it is that of the whole."""
    length = checksum.partition("-")[2]
    return int(length) if length.isdigit() and int(length) >= SMALLEST else 0


def like(checksum: str) -> "Union[ByBlocks, hashlib._Hash]":
    """What computes a checksum of the same kind."""
    length = length_of(checksum)
    return ByBlocks(length) if length else hashlib.sha256()


class ByBlocks:
    """Computes it of what it is given, piece by piece.

    prints   of the blocks so far
    """

    def __init__(self, length: int) -> None:
        self.length = length
        self.prints = bytearray()
        self._block = hashlib.sha256()
        self._room = length

    def update(self, piece: Bytes) -> None:
        """The next bytes."""
        view = memoryview(piece)
        while view:
            part = view[: self._room]
            self._block.update(part)
            self._room -= len(part)
            view = view[len(part) :]
            if not self._room:
                self._end_block()

    def is_in_a_block(self) -> bool:
        """Whether the last bytes did not end one."""
        return self._room < self.length

    def take(self, prints: Bytes) -> None:
        """The next blocks, of which these are the prints; not in the middle of one."""
        self.prints += prints

    def hexdigest(self) -> str:
        """Of all that was given; nothing may follow."""
        if self.is_in_a_block():
            self._end_block()
        return of_prints(self.prints, self.length)

    def _end_block(self) -> None:
        self.prints += self._block.digest()
        self._block, self._room = hashlib.sha256(), self.length


def of_prints(prints: Bytes, length: int) -> str:
    """The checksum of a file whose blocks have these prints."""
    whole = hashlib.sha256(b"windlass: blocks of %d bytes\n" % length)
    whole.update(prints)
    return "%s-%d" % (whole.hexdigest(), length)


def measured(path: str, length: int) -> Tuple[int, ByBlocks]:
    """The size of a file and its blocks, of the very bytes that were read."""
    digest, size, piece = ByBlocks(length), 0, memoryview(bytearray(PIECE))
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while True:
            count = os.readv(descriptor, [piece])
            if not count:
                return size, digest
            digest.update(piece[:count])
            size += count
    finally:
        os.close(descriptor)


def described(prints: Bytes, length: int) -> Dict[str, Any]:
    """As they are told to the other side, so that it sees what differs."""
    import base64  # noqa: PLC0415 - for large files that changed

    short = b"".join(bytes(prints[at : at + SHORT]) for at in range(0, len(prints), PRINT))
    return {"length": length, "prints": base64.b64encode(short).decode()}


def told(description: Any) -> Tuple[int, List[bytes]]:
    """What such a description says. Raises BrokenFrame if it is none."""
    import base64  # noqa: PLC0415 - the same

    try:
        length, short = int(description["length"]), base64.b64decode(description["prints"], validate=True)
    except (TypeError, ValueError, KeyError) as error:
        raise BrokenFrame("not the description of a file by its blocks") from error
    if length < SMALLEST or len(short) % SHORT:
        raise BrokenFrame("not the description of a file by its blocks")
    return length, [short[at : at + SHORT] for at in range(0, len(short), SHORT)]


def kept(path: str, checksum: str) -> Optional[bytes]:
    """The prints of the file of this checksum, if they were written down there: they prove it themselves."""
    length = length_of(checksum)
    try:
        with open(path, "rb") as handle:
            prints = handle.read()
    except OSError:
        return None
    return prints if length and of_prints(prints, length) == checksum else None
