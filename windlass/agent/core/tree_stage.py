"""Contents of a tree before they get their names: taken from where they are here already, or received, and compared with their
checksums."""

from __future__ import annotations

import hashlib
import os
import zlib
from typing import Callable, Dict, Iterable, Iterator, List, Tuple

from windlass.agent.core import atomic, delta, tree_left
from windlass.agent.core.context import Context
from windlass.agent.core.delta import Incoming
from windlass.agent.core.frames import Bytes
from windlass.agent.core.tree_difference import Difference
from windlass.agent.core.tree_manifest import Entry, Wanted


class Stage:
    """Files and links as they will be, where `place` wants them for now. `left` are directories with what arrived earlier.

    written   files, as they were when they were closed
    """

    def __init__(
        self, place: Callable[[Entry], str], difference: Difference, wanted: Wanted, ids: Tuple[int, int], left: List[str]
    ) -> None:
        self._place = place
        self._difference = difference
        self._wanted = wanted
        self._ids = ids
        self._left = left
        self._own_ids = (os.geteuid(), os.getegid())
        self.written: List[Tuple[Entry, os.stat_result]] = []

    def fill(self, contents: List[Entry], known: Dict[str, bytes], context: Context) -> None:
        """Everything that is needed is here afterwards; it travels only where the host has it nowhere."""
        here = self._here(contents)
        travelling: Dict[str, Entry] = {}
        copies: List[Entry] = []
        for entry in contents:
            if entry.kind == "l":
                self._link(entry)
            elif entry.value in known:
                self._write(entry, [known[entry.value]])
            elif entry.value in here:
                self._write(entry, pieces(here[entry.value]))
            elif entry.size == 0:
                self._write(entry, [])
            elif entry.value in travelling:
                copies.append(entry)
            else:
                travelling[entry.value] = entry
        self._receive(list(travelling.values()), context)
        for entry in copies:
            self._write(entry, pieces(self._place(travelling[entry.value])))

    def _here(self, contents: List[Entry]) -> Dict[str, str]:
        """Files that hold what one of the tree should hold: another that was renamed, or copied; what a broken run has left."""
        sizes = {entry.size for entry in contents if entry.kind == "f" and entry.size}
        paths = [
            path for path, status in self._difference.has.items() if status.st_size in sizes and self._difference.kind(path) == "f"
        ]
        here = {self._difference.sha256(path): self._difference.place(path) for path in paths}
        return {**tree_left.useful(self._left, sizes), **here}

    def _receive(self, entries: List[Entry], context: Context) -> None:
        whole: List[Entry] = []
        for entry in entries:
            old = self._difference.place(entry.path)
            worthwhile = entry.size >= delta.WORTHWHILE and delta.is_worthwhile(old)
            if not (worthwhile and self._joined(entry, old, context)):
                whole.append(entry)
        if whole:
            whole.sort(key=lambda entry: entry.index)
            stream = context.fetch(self._wanted.digest, want=_ranges(whole), squeeze=self._wanted.squeeze)
            incoming = Incoming(_unsqueezed(stream) if self._wanted.squeeze else stream)
            for entry in whole:
                self._write(entry, incoming.pieces(entry.size))
            incoming.take(1, may_end=True)

    def _joined(self, entry: Entry, old: str, context: Context) -> bool:
        """Put a file together of an old one and what differs; whether it came out right."""
        wish = {"want": [[entry.index, entry.index + 1]], "delta": delta.signature(old)}
        try:
            self._write(entry, delta.put_together(old, context.fetch(self._wanted.digest, **wish)))
        except atomic.OtherContent:
            os.unlink(self._place(entry))
            return False
        return True

    def _write(self, entry: Entry, pieces: Iterable[Bytes]) -> None:
        digest = hashlib.sha256()
        ids = self._kept_ids(entry)
        descriptor = os.open(self._place(entry), os.O_WRONLY | os.O_CREAT | os.O_EXCL, entry.mode)
        try:
            for piece in pieces:
                digest.update(piece)
                written = os.write(descriptor, piece)
                while written < len(piece):
                    written += os.write(descriptor, memoryview(piece)[written:])
            if ids != self._own_ids:  # a system call for each of thousands of files is worth leaving out
                os.fchown(descriptor, *ids)
            if entry.mode & 0o022:  # the rest is given already when the file is made
                os.fchmod(descriptor, entry.mode)
            if self._difference.is_small():
                os.fsync(descriptor)
            self.written.append((entry, os.fstat(descriptor)))
        finally:
            os.close(descriptor)
        if digest.hexdigest() != entry.value:
            raise atomic.OtherContent("%s changed while it was sent" % entry.path, hint=atomic.AGAIN)

    def _link(self, entry: Entry) -> None:
        os.symlink(entry.value, self._place(entry))
        os.chown(self._place(entry), *self._kept_ids(entry), follow_symlinks=False)

    def _kept_ids(self, entry: Entry) -> Tuple[int, int]:
        """An owner that nobody asked for stays that of what is replaced."""
        status = self._difference.has.get(entry.path)
        if status is None:
            return self._ids
        return status.st_uid if self._ids[0] == -1 else self._ids[0], status.st_gid if self._ids[1] == -1 else self._ids[1]


def pieces(path: str) -> Iterator[bytes]:
    """A local file, as something that is written."""
    with open(path, "rb", buffering=0) as handle:
        for piece in iter(lambda: handle.read(1 << 20), b""):
            yield piece


def _ranges(entries: List[Entry]) -> List[List[int]]:
    """Neighbours in the description are asked for together."""
    ranges: List[List[int]] = []
    for entry in entries:
        if ranges and ranges[-1][1] == entry.index:
            ranges[-1][1] += 1
        else:
            ranges.append([entry.index, entry.index + 1])
    return ranges


def _unsqueezed(chunks: Iterator[Bytes]) -> Iterator[bytes]:
    loosener = zlib.decompressobj()
    for chunk in chunks:
        piece = loosener.decompress(chunk)
        if piece:
            yield piece
