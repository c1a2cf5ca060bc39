"""What was sent and may have to be sent again: pieces as they were given, never copied, with how far they were written and heard.

A backup's gigabytes pass here. In one array of bytes they would be moved whenever it has to grow at its end.
"""

from __future__ import annotations

import os
from typing import Deque, List, Union

from windlass.agent.core.parts import deque

Piece = Union[bytes, memoryview]
AT_ONCE = 256  # pieces: short ones are written together, and the kernel takes so many in any case


class Unheard:
    """Bytes by their place in all that was ever said.

    keeps    what was written is kept until it was heard
    start    so much was heard, or need not be kept
    written  so much of it was written to the connection of now
    said     so much there is
    begun    what comes before whatever is added next, if nobody has taken it away until then
    """

    def __init__(self, keeps: bool) -> None:
        self.start = self.written = self.said = 0
        self.keeps = keeps
        self.begun = b""
        self._behind: "Deque[Piece]" = deque()  # written whole
        self._ahead: "Deque[Piece]" = deque()  # of the first one a part may be written
        self._begun = 0  # bytes of that part

    def add(self, piece: bytes) -> None:
        """One more, to be written after all others; an empty one is only what was begun."""
        pieces = [each for each in (self.begun, piece) if each]
        self._ahead.extend(pieces)
        self.said += sum(map(len, pieces))
        self.begun = b""

    def size(self) -> int:
        """Bytes that nobody is known to have heard."""
        return self.said - self.start

    def write(self, sink: int, most: int) -> None:
        """Write what comes next, so many bytes at most. Raises OSError, BlockingIOError."""
        self._wrote(os.writev(sink, self._next(most)))

    def forget(self, heard: int) -> None:
        """So much of it was heard."""
        while self._behind and self.start < heard:
            first = self._behind.popleft()
            taken = min(heard - self.start, len(first))
            self.start += taken
            if taken < len(first):
                self._behind.appendleft(memoryview(first)[taken:])

    def rewind(self, heard: int) -> None:
        """A new connection: so much was heard over those before it, and all the rest is to be written anew."""
        self.forget(heard)
        self._ahead.extendleft(reversed(self._behind))
        self._behind.clear()
        self.written, self._begun = self.start, 0

    def _next(self, most: int) -> List[memoryview]:
        pieces: List[memoryview] = []
        begin = self._begun
        for piece in self._ahead:
            pieces.append(memoryview(piece)[begin : begin + most])
            most -= len(pieces[-1])
            begin = 0
            if most <= 0 or len(pieces) == AT_ONCE:
                break
        return pieces

    def _wrote(self, count: int) -> None:
        self.written += count
        self._begun += count
        while self._ahead and self._begun >= len(self._ahead[0]):
            piece = self._ahead.popleft()
            self._begun -= len(piece)
            if self.keeps:
                self._behind.append(piece)
        if not self.keeps:
            self.start = self.written
