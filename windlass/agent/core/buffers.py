"""Memory for large frames that is used again as soon as nobody looks at it any more.

To be given new memory, page by page and blank, takes as long as to fill it. What comes of it has a checksum of its own.
"""

from __future__ import annotations

import sys
from typing import Any, List

FROM = 64 * 1024  # bytes of a frame: for less it does not matter
MOST = 32  # frames of one size: more than a stream has under way

_count: Any = getattr(sys, "getrefcount", None)  # a Python that counts otherwise gets new memory each time


def _uses(frames: List[bytearray], index: int) -> int:
    """How many refer to one of them, with all that looks into it."""
    count: int = _count(frames[index])
    return count


_UNUSED = _uses([bytearray()], 0) if _count else 0  # as this very function counts, in whatever version


class Buffers:
    """Frames of one size, the largest so far. One thread takes them; whoever has one may let go of it in any."""

    def __init__(self) -> None:
        self._size = 0
        self._all: List[bytearray] = []

    def take(self, size: int) -> bytearray:
        """So many bytes, of any content."""
        if size < max(FROM, self._size) or not _count:
            return bytearray(size)
        if size > self._size:
            self._size, self._all = size, []
        for index in range(len(self._all)):
            if _uses(self._all, index) == _UNUSED:
                return self._all[index]
        new = bytearray(size)
        if len(self._all) < MOST:
            self._all.append(new)
        return new
