"""Finding in a new version of a file what the host has already in an old one.

As in rsync the old version is described block by block. A rolling checksum in Python would be slower than the line, so a block
is looked for by its first bytes, which the interpreter does in C, and proven by its strong hash. Whatever was inserted,
overwritten or cut out is found in this way; what was moved backwards by anything but whole blocks travels again.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from windlass.agent.core.delta import ANCHOR, COPY, LARGEST, LITERAL, SMALLEST, STRONG
from windlass.agent.core.frames import BrokenFrame

REACH = 1 << 20  # bytes in which the next blocks are looked for before they are given up
FILL = 8 * REACH
NEAR = 8  # so many of the next blocks are looked for, and then every one that is twice as far
PATIENCE = 4  # searches in vain after which fewer blocks are looked for
ATTEMPTS = 3  # places where a block seems to begin


class _Old:
    """The blocks of the host's old version. Raises BrokenFrame if the description is not one."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        try:
            self.block = int(described["block"])
            raw = base64.b64decode(described["blocks"], validate=True)
        except (TypeError, ValueError, KeyError) as error:
            raise BrokenFrame("not the description of a file's blocks") from error
        if not SMALLEST <= self.block <= LARGEST or len(raw) % (STRONG + ANCHOR):
            raise BrokenFrame("not the description of a file's blocks")
        step = STRONG + ANCHOR
        self.strong = [raw[start : start + STRONG] for start in range(0, len(raw), step)]
        self.anchors = [raw[start + STRONG : start + step] for start in range(0, len(raw), step)]
        self._places = {strong: index for index, strong in enumerate(self.strong)}

    def place(self, piece: memoryview, expected: int) -> int:
        """Which block this is, the expected one first; -1 if none."""
        strong = hashlib.sha256(piece).digest()[:STRONG]
        if expected < len(self.strong) and self.strong[expected] == strong:
            return expected
        return self._places.get(strong, -1)

    def candidates(self, expected: int, misses: int) -> Iterator[int]:
        """The next blocks; the longer nothing was found, the fewer."""
        near = NEAR if misses < PATIENCE else 2
        yield from range(expected, min(expected + near, len(self.strong)))
        distance = near
        while misses < PATIENCE and expected + distance < len(self.strong):
            yield expected + distance
            distance *= 2


def instructions(handle: BinaryIO, described: Mapping[str, Any]) -> Iterator[bytes]:
    """How the host makes this file from its old one, in the form that `windlass.agent.core.delta` tells.

    Nothing (`b""`) stands where the host may begin with what was said so far, while more of the file is looked at here.
    """
    old = _Old(described)
    window, ended = handle.read(FILL), False
    position = expected = misses = 0
    run: tuple[int, int] = (0, 0)  # what is copied: blocks from, to
    while position < len(window):
        if not ended and len(window) - position < 2 * REACH:
            more = handle.read(FILL)
            window, position, ended = window[position:] + more, 0, not more
            yield from _copied(run, old.block)
            yield b""
            run = (run[1], run[1])
        piece = memoryview(window)[position : position + old.block]
        index = old.place(piece, expected) if len(piece) == old.block else -1
        if index >= 0:
            if index != run[1]:
                yield from _copied(run, old.block)
                run = (index, index)
            run = (run[0], index + 1)
            position, expected, misses = position + old.block, index + 1, 0
            continue
        yield from _copied(run, old.block)
        run = (0, 0)
        found, expected = _next(window, position, old, (expected, misses))
        misses = misses + 1 if found == position + REACH else 0
        yield from _literal(window[position:found])
        position = min(found, len(window))
    yield from _copied(run, old.block)


def _next(window: bytes, position: int, old: _Old, state: tuple[int, int]) -> tuple[int, int]:
    """Where something known begins again, at most REACH further, and which block that is."""
    best, block = position + REACH, state[0]
    for candidate in old.candidates(*state):
        start = position
        for _attempt in range(ATTEMPTS):
            start = window.find(old.anchors[candidate], start, best + ANCHOR - 1)
            if start < 0:
                break
            if hashlib.sha256(window[start : start + old.block]).digest()[:STRONG] == old.strong[candidate]:
                best, block = start, candidate
                break
            start += 1
    return best, block


def _literal(piece: bytes) -> Iterator[bytes]:
    if piece:
        yield b"L" + LITERAL.pack(len(piece)) + piece


def _copied(run: tuple[int, int], block: int) -> Iterator[bytes]:
    first, end = run
    if end > first:
        yield b"C" + COPY.pack(first * block, (end - first) * block)
