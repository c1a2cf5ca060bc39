"""A large file from an old version of it whose blocks are known here: of what both share, no checksum is made.

The controller is told the beginnings of the old blocks' prints, and answers with instructions as of `delta`, in whole blocks; or
with `N`, where the two share too little in the same places. What is copied counts as what it was known to be, as long as the kernel
says that nobody has changed the old file meanwhile; what comes is hashed. The checksum of all the prints proves the new version.
"""

from __future__ import annotations

import os
from typing import Iterator

from windlass.agent.core import atomic, blocks, delta, host_sums
from windlass.agent.core.context import Context
from windlass.agent.core.frames import Bytes
from windlass.agent.core.outcome import OperationError
from windlass.agent.core.sums import same


class Shared:
    """What comes of an old version and of what is wanted.

    done     whether all of it was given, and is what it should be
    digest   the new version's blocks
    """

    def __init__(self, old: str, wanted: str, context: Context) -> None:
        self.done = False
        self.digest = blocks.ByBlocks(blocks.length_of(wanted))
        self._old, self._wanted, self._context = old, wanted, context
        self._prints = b""

    def __iter__(self) -> Iterator[Bytes]:
        """The new version; nothing where the old one's blocks are not known, or too little is shared. Raises OperationError."""
        known = host_sums.known_blocks(self._old, self._wanted)
        if known is None:
            return
        status, self._prints = known
        try:
            descriptor = os.open(self._old, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return
        try:
            yield from self._pieces(descriptor)
            self._prove(same(status, os.fstat(descriptor)))
        finally:
            os.close(descriptor)

    def _pieces(self, descriptor: int) -> Iterator[Bytes]:
        told = blocks.described(self._prints, self.digest.length)
        incoming = delta.Incoming(self._context.fetch(self._wanted, blocks=told))
        while True:
            kind = incoming.take(1, may_end=True)
            if kind == b"L":
                for piece in incoming.pieces(delta.LITERAL.unpack(incoming.take(delta.LITERAL.size))[0]):
                    self.digest.update(piece)
                    yield piece
            elif kind == b"C":
                yield from self._copied(descriptor, *delta.COPY.unpack(incoming.take(delta.COPY.size)))
            elif kind in (b"", b"N"):
                self.done = not kind
                return
            else:
                raise delta.damaged()

    def _copied(self, descriptor: int, offset: int, length: int) -> Iterator[Bytes]:
        block = self.digest.length
        first, end = offset // block, -(-(offset + length) // block)
        prints = self._prints[first * blocks.PRINT : end * blocks.PRINT]
        if offset % block or len(prints) != (end - first) * blocks.PRINT or self.digest.is_in_a_block():
            raise delta.damaged()
        self.digest.take(prints)
        piece = memoryview(bytearray(min(length, delta.PIECE)))  # the same memory again and again
        while length:
            count = os.preadv(descriptor, [piece[:length]], offset)
            if not count:
                raise OperationError("the old file became shorter meanwhile", hint="run it again")
            yield piece[:count]
            offset, length = offset + count, length - count

    def _prove(self, unchanged: bool) -> None:
        if self.done and not (unchanged and self.digest.hexdigest() == self._wanted):
            raise atomic.OtherContent("the content is not what was meant (its checksum differs)", hint=atomic.AGAIN)
