"""Finding in a new version of a file what the host has already in an old one.

As in rsync the old version is described block by block. A rolling checksum in Python would be slower than the line, so a block
is looked for by its first bytes, which the interpreter does in C, and told by its print. Whatever was inserted,
overwritten or cut out is found in this way; what was moved backwards by anything but whole blocks travels again.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from windlass.agent.core.delta import ANCHOR, COPY, LARGEST, LITERAL, SMALLEST, SUM, print_of
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
        if not SMALLEST <= self.block <= LARGEST or len(raw) % (SUM + ANCHOR):
            raise BrokenFrame("not the description of a file's blocks")
        step = SUM + ANCHOR
        self.prints = [raw[start : start + step] for start in range(0, len(raw), step)]
        self.anchors = [each[SUM:] for each in self.prints]
        self._places = {each: index for index, each in enumerate(self.prints)}

    def place(self, piece: memoryview, expected: int) -> int:
        """Which block this is, the expected one first; -1 if none."""
        found = print_of(piece)
        if expected < len(self.prints) and self.prints[expected] == found:
            return expected
        return self._places.get(found, -1)

    def candidates(self, expected: int, misses: int) -> Iterator[int]:
        """The next blocks; the longer nothing was found, the fewer."""
        near = NEAR if misses < PATIENCE else 2
        yield from range(expected, min(expected + near, len(self.prints)))
        distance = near
        while misses < PATIENCE and expected + distance < len(self.prints):
            yield expected + distance
            distance *= 2


class _Window:
    """The part of the new version that is looked at. It moves on to where more is read; what was in it is overwritten then."""

    def __init__(self, handle: BinaryIO) -> None:
        self.content = bytearray(FILL + 2 * REACH)
        self.view = memoryview(self.content)
        self.end = 0
        self._handle = handle
        self._ended = False

    def advance(self, position: int) -> bool:
        """Move on to this position, which is 0 then, if too little is left after it. Whether it moved."""
        left = self.end - position
        if self._ended or left >= 2 * REACH:
            return False
        self.view[:left] = self.view[position : self.end]
        self.end = left
        while self.end < len(self.view) and not self._ended:
            count = self._handle.readinto(self.view[self.end :])  # type: ignore[attr-defined]  # every file has it
            self._ended = not count
            self.end += count
        return True

    def piece(self, position: int, length: int) -> memoryview:
        """So many bytes, or what there is of them."""
        return self.view[position : min(position + length, self.end)]


def instructions(handle: BinaryIO, described: Mapping[str, Any]) -> Iterator[bytes]:
    """How the host makes this file from its old one, in the form that `windlass.agent.core.delta` tells.

    Nothing (`b""`) stands where the host may begin with what was said so far, while more of the file is looked at here.
    """
    old = _Old(described)
    window = _Window(handle)
    position = expected = misses = 0
    run: tuple[int, int] = (0, 0)  # what is copied: blocks from, to
    while True:
        if window.advance(position):
            position = 0
            yield from _copied(run, old.block)
            yield b""
            run = (run[1], run[1])
        piece = window.piece(position, old.block)
        if not piece:
            break
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
        yield from _literal(bytes(window.piece(position, found - position)))
        position = min(found, window.end)
    yield from _copied(run, old.block)


def _next(window: _Window, position: int, old: _Old, state: tuple[int, int]) -> tuple[int, int]:
    """Where something known begins again, at most REACH further, and which block that is."""
    best, block = position + REACH, state[0]
    for candidate in old.candidates(*state):
        start = position
        for _attempt in range(ATTEMPTS):
            start = window.content.find(old.anchors[candidate], start, min(best + ANCHOR - 1, window.end))
            if start < 0:
                break
            if print_of(window.piece(start, old.block)) == old.prints[candidate]:
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
