"""The prints of local files' blocks, by the checksum of the file: whoever reads it has them, and so knows what a host lacks."""

from __future__ import annotations

import threading
from typing import Final

from windlass.agent.core import blocks

MOST: Final = 32  # files, of at most 64 KiB of prints each

_turn = threading.Lock()
_known: dict[str, bytes] = {}


def note(found: blocks.ByBlocks) -> str:
    """Remember them for as long as this process lives; the checksum."""
    checksum = found.hexdigest()
    with _turn:
        _remember(checksum, bytes(found.prints))
    return checksum


def of(path: str, checksum: str) -> bytes:
    """Of the file that had this checksum. Where nobody has read it in this process it is read, once for all hosts; should it be
    another by now, these are the other's. Raises OSError."""
    with _turn:
        if checksum not in _known:
            found = blocks.measured(path, blocks.length_of(checksum))[1]
            found.hexdigest()
            _remember(checksum, bytes(found.prints))
        return _known[checksum]


def _remember(checksum: str, prints: bytes) -> None:
    _known.pop(checksum, None)
    _known[checksum] = prints
    while len(_known) > MOST:
        del _known[next(iter(_known))]
