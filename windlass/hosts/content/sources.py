"""What a host may ask for, as streams of bytes: a file, what a file has beyond an old one, a tree's description and contents."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from windlass.agent.core import frames
from windlass.errors import OperationFailed
from windlass.operations.local_tree import LocalTree, TreeEntry

AGAIN = "it was there a moment ago; run the same again"


class Source(Protocol):
    """Something to be read from its beginning to its end, once."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Put the next bytes there, as many as there are and fit, and say how many; none at the end."""

    def close(self) -> None: ...


class Whole:
    """A file from its beginning to its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _readable(path):
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def readinto(self, buffer: memoryview) -> int:
        with _readable(self._path):
            return os.readv(self._descriptor, [buffer])

    def close(self) -> None:
        os.close(self._descriptor)


class Gathered:
    """Pieces of any length, one after the other. Where an empty one stands, those before it are worth sending at once."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._close: Callable[[], None] = getattr(pieces, "close", _nothing)
        self._rest = memoryview(b"")

    def readinto(self, buffer: memoryview) -> int:
        filled = 0
        while filled < len(buffer):
            if not self._rest:
                more = next(self._pieces, None)
                if more is None or (not more and filled):
                    break
                self._rest = memoryview(more)
            piece = self._rest[: len(buffer) - filled]
            buffer[filled : filled + len(piece)] = piece
            self._rest = self._rest[len(piece) :]
            filled += len(piece)
        return filled

    def close(self) -> None:
        self._close()


def _nothing() -> None:
    """What has no end of its own needs none."""


def source(content: Path | LocalTree, wish: Mapping[str, Any]) -> Source:
    """The stream that a host wishes. Raises OperationFailed for what is gone."""
    if isinstance(content, LocalTree):
        return Gathered(iter([content.packed()])) if wish.get("describe") else _of_tree(content, wish)
    if "blocks" in wish:
        return Gathered(_shared(content, wish))
    if "delta" in wish:
        return Gathered(_changed(content, wish["delta"]))
    return Whole(content)


@contextlib.contextmanager
def _readable(path: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OperationFailed(f"{path} cannot be sent: {error.strerror}", tried=f"send {path}", hint=AGAIN) from error


def _changed(path: Path, described: Mapping[str, Any]) -> Iterator[bytes]:
    from windlass.hosts.content import delta  # noqa: PLC0415 - for a few files only, and most runs have none of them

    with _readable(path), path.open("rb") as handle:
        yield from delta.instructions(handle, described)


def _shared(path: Path, wish: Mapping[str, Any]) -> Iterator[bytes]:
    from windlass.hosts.content import shared_blocks  # noqa: PLC0415 - the same

    with _readable(path):
        yield from shared_blocks.instructions(path, wish["checksum"], wish["blocks"])


def _of_tree(tree: LocalTree, wish: Mapping[str, Any]) -> Source:
    """Some of its files, one after the other, in the order of the description. Raises BrokenFrame for none of them."""
    try:
        wanted = [entry for first, end in wish["want"] for entry in tree.entries[first:end] if entry.kind == "f"]
    except (KeyError, TypeError, ValueError) as error:
        raise frames.BrokenFrame("it asks for files of a tree, and not which") from error
    root = os.fspath(tree.root)
    if "delta" in wish and wanted:
        return Gathered(_changed(Path(_local(root, wanted[0])), wish["delta"]))
    pieces = (piece for entry in wanted for piece in _content(_local(root, entry), entry.size))
    return Gathered(_squeezed(pieces) if wish.get("squeeze") else pieces)


def _local(root: str, entry: TreeEntry) -> str:
    return f"{root}/{os.fsdecode(entry.path.encode('utf-8', 'surrogateescape'))}"


def _content(path: str, size: int) -> Iterator[bytes]:
    """Exactly so many bytes: where each file begins in the stream is known by their sizes alone."""
    left = size
    with _readable(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # without Python's own files: there are thousands
    try:
        while left:
            piece = os.read(descriptor, min(left, frames.LARGE_CHUNK))
            if not piece:
                raise OperationFailed(f"{path} became shorter while it was sent", tried=f"send {path}", hint="run the same again")
            left -= len(piece)
            yield piece
    finally:
        os.close(descriptor)


def _squeezed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    squeezer = zlib.compressobj(6)
    for piece in pieces:
        if squeezed := squeezer.compress(piece):
            yield squeezed
    yield squeezer.flush()
