"""What a host may ask for, as streams of bytes: a file, what a file has beyond an old one, the contents of a tree."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from windlass.agent.core import frames
from windlass.errors import OperationFailed
from windlass.hosts import delta
from windlass.operations.local_tree import LocalTree, TreeEntry

AGAIN = "it was there a moment ago; run the same again"


class Source(Protocol):
    """Something to be read from its beginning to its end, once."""

    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


class Gathered:
    """Pieces of any length, read in equal ones."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = bytearray()

    def read(self, size: int) -> bytes:
        while len(self._rest) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._rest += piece
        taken = bytes(self._rest[:size])
        del self._rest[:size]
        return taken

    def close(self) -> None:
        close: Callable[[], None] | None = getattr(self._pieces, "close", None)
        if close:
            close()


def source(content: Path | LocalTree, wish: Mapping[str, Any]) -> Source:
    """The stream that a host wishes. Raises OperationFailed for what is gone."""
    if isinstance(content, LocalTree):
        return _of_tree(content, wish)
    if "delta" in wish:
        return Gathered(_changed(content, wish["delta"]))
    return opened(content)


def opened(path: Path) -> Source:
    try:
        return path.open("rb")
    except OSError as error:
        raise OperationFailed(f"{path} cannot be sent: {error.strerror}", tried=f"send {path}", hint=AGAIN) from error


def _changed(path: Path, described: Mapping[str, Any]) -> Iterator[bytes]:
    try:
        with path.open("rb") as handle:
            yield from delta.instructions(handle, described)
    except OSError as error:
        raise OperationFailed(f"{path} cannot be sent: {error.strerror}", tried=f"send {path}", hint=AGAIN) from error


def _of_tree(tree: LocalTree, wish: Mapping[str, Any]) -> Source:
    """Some of its files, one after the other, in the order of the description. Raises BrokenFrame for none of them."""
    try:
        wanted = [entry for first, end in wish["want"] for entry in tree.entries[first:end] if entry.kind == "f"]
    except (KeyError, TypeError, ValueError) as error:
        raise frames.BrokenFrame("it asks for files of a tree, and not which") from error
    if "delta" in wish and wanted:
        return Gathered(_changed(_local(tree, wanted[0]), wish["delta"]))
    pieces = (piece for entry in wanted for piece in _content(_local(tree, entry), entry.size))
    return Gathered(_squeezed(pieces) if wish.get("squeeze") else pieces)


def _local(tree: LocalTree, entry: TreeEntry) -> Path:
    return tree.root / os.fsdecode(entry.path.encode("utf-8", "surrogateescape"))


def _content(path: Path, size: int) -> Iterator[bytes]:
    """Exactly so many bytes: where each file begins in the stream is known by their sizes alone."""
    handle = opened(path)
    try:
        left = size
        while left:
            piece = handle.read(min(left, frames.LARGE_CHUNK))
            if not piece:
                raise OperationFailed(f"{path} became shorter while it was sent", tried=f"send {path}", hint="run the same again")
            left -= len(piece)
            yield piece
    finally:
        handle.close()


def _squeezed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    squeezer = zlib.compressobj(6)
    for piece in pieces:
        yield squeezer.compress(piece)
    yield squeezer.flush()
