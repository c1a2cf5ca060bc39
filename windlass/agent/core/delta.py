"""What a new version of a file shares with the old one that is here: the blocks of the old one described, the new one put together.

A block is told by a short print, its beginning and a CRC-32, which takes less than half of the time of a strong hash. Once in some
thousand million blocks another one has the same. So whoever puts a file together compares the checksum of all of it, as rsync does,
and if that is another one, has all of it sent.

The other side answers with instructions, one after the other: `L`, a length of four bytes and these bytes; or `C`, an offset and a
length of eight bytes each, to be taken from the old file.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from typing import Any, Dict, Iterator

from windlass.agent.core.frames import Bytes
from windlass.agent.core.outcome import OperationError

WORTHWHILE = 256 * 1024  # bytes of either version: less travels whole
SMALLEST, LARGEST, BLOCKS = 4096, 128 * 1024, 4096  # bytes of a block, and roughly how many blocks a file has
SUM, ANCHOR = 4, 16  # bytes of a block's CRC-32, and of its beginning, by which it is looked for
PIECE = 1 << 20
LITERAL = struct.Struct("!I")
COPY = struct.Struct("!QQ")


def is_worthwhile(old: str) -> bool:
    """Whether there is an old version that may share much."""
    return bool(old) and os.path.isfile(old) and not os.path.islink(old) and os.path.getsize(old) >= WORTHWHILE


def block_size(size: int) -> int:
    """A power of two, so that the description of a file stays small against it."""
    block = SMALLEST
    while block < LARGEST and block * BLOCKS < size:
        block *= 2
    return block


def signature(path: str) -> Dict[str, Any]:
    """The whole blocks of a file: how long they are, and for each its print."""
    import base64  # noqa: PLC0415 - for large files that changed

    size = os.path.getsize(path)
    block = block_size(size)
    half = size // block // 2
    first, second = bytearray(), bytearray()
    beside = threading.Thread(target=_describe, args=(path, block, range(half), first))
    beside.start()  # hashing leaves Python's lock alone, and most hosts have more than one processor
    _describe(path, block, range(half, size // block), second)
    beside.join()
    return {"block": block, "blocks": base64.b64encode(first + second).decode()}


def _describe(path: str, block: int, blocks: range, described: bytearray) -> None:
    """Some of the blocks, as far as they are there: should the file change meanwhile, the checksum of what comes of it says so."""
    with open(path, "rb", buffering=0) as handle:
        handle.seek(blocks.start * block)
        for _ in blocks:
            piece = handle.read(block)
            if len(piece) < block:
                break
            described += print_of(piece)


def print_of(piece: Bytes) -> bytes:
    """By which a block is known."""
    return zlib.crc32(piece).to_bytes(SUM, "big") + bytes(piece[:ANCHOR])


def put_together(path: str, chunks: Iterator[Bytes]) -> Iterator[bytes]:
    """The new version, from the old file at `path` and the instructions. Raises OperationError if they make no sense."""
    incoming = Incoming(chunks)
    with open(path, "rb") as old:
        while True:
            kind = incoming.take(1, may_end=True)
            if not kind:
                return
            if kind == b"L":
                yield incoming.take(LITERAL.unpack(incoming.take(LITERAL.size))[0])
            elif kind == b"C":
                for piece in _part_of(old.fileno(), *COPY.unpack(incoming.take(COPY.size))):
                    yield piece
            else:
                raise damaged()


def damaged() -> OperationError:
    """What is said of instructions that make no sense."""
    return OperationError("the instructions for the new content are damaged", hint="run it again")


def _part_of(descriptor: int, offset: int, length: int) -> Iterator[bytes]:
    while length:
        piece = os.pread(descriptor, min(length, PIECE), offset)
        if not piece:
            raise OperationError("the old file became shorter meanwhile", hint="run it again")
        yield piece
        offset, length = offset + len(piece), length - len(piece)


class Incoming:
    """A stream of chunks, taken by exact lengths."""

    def __init__(self, chunks: Iterator[Bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def pieces(self, length: int) -> Iterator[memoryview]:
        """So many bytes, as they come. Raises OperationError if the stream ends before."""
        while length:
            if not self._rest:
                self._rest = memoryview(next(self._chunks, b""))
                if not self._rest:
                    raise OperationError("the content ended too early", hint="run it again")
            piece = self._rest[:length]
            self._rest = self._rest[len(piece) :]
            length -= len(piece)
            yield piece

    def take(self, length: int, may_end: bool = False) -> bytes:
        """So many bytes at once; none at all where the stream may end."""
        if may_end and not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
            if not self._rest:
                return b""
        return b"".join(self.pieces(length))
