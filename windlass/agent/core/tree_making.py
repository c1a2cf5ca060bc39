"""Making a directory what it should be: all content first, then all names.

A new tree is made beside its place, and gets its name when it is whole. In one that is there, files are written into a directory of
their own, made durable together by one syncfs(2), and then renamed into their places; one more makes the names durable.
Thousands of fsync(2) would cost a write barrier each, and would keep nothing that this does not: before the first rename all
content is on the disk, so no name can ever lead to half a file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import tempfile
import zlib
from typing import Callable, Dict, Iterable, Iterator, List, Tuple

from windlass.agent.core import atomic, delta, leftovers, process, safe_paths, tree_left
from windlass.agent.core.context import Context
from windlass.agent.core.delta import Incoming
from windlass.agent.core.frames import Bytes
from windlass.agent.core.outcome import OperationError
from windlass.agent.core.tree_difference import STAGING, Difference
from windlass.agent.core.tree_manifest import Entry, Wanted


def make(difference: Difference, wanted: Wanted, known: Dict[str, bytes], context: Context) -> None:
    """Do all of it. What fails before the first rename leaves everything as it was."""
    ids = atomic.owner_ids(wanted.owner, wanted.group)
    if "" not in difference.has:
        _make_new(difference, wanted, ids, context)
        return
    held = _hold(difference.root)
    try:
        left = tree_left.waiting(difference.root, STAGING)
        with _staging(difference.root, STAGING, left, context) as staging:
            contents = [entry for entry in difference.made + difference.replaced if entry.kind != "d"]
            stage = _Stage(lambda entry: _waiting(staging, entry), difference, wanted, ids, left)
            stage.fill(contents, known, context)
            _sync(staging)
            _rename(difference, staging, contents)
        _mark(difference.marked + _directories(difference), difference.root, ids)
        _sync(difference.root)
    finally:
        os.close(held)


def _make_new(difference: Difference, wanted: Wanted, ids: Tuple[int, int], context: Context) -> None:
    """A tree that is not there is made beside its place, and gets its name when it is whole."""
    folder, name = os.path.split(difference.root)
    left = tree_left.waiting(folder, STAGING + name + ".")
    with _staging(folder, STAGING + name + ".", left, context, hold=True) as staging:
        for entry in sorted(difference.made, key=lambda entry: entry.path):
            if entry.kind == "d" and entry.path:
                os.mkdir(os.path.join(staging, entry.path), 0o700)
        contents = [entry for entry in difference.made if entry.kind != "d"]
        stage = _Stage(lambda entry: staging + "/" + entry.path, difference, wanted, ids, left)
        stage.fill(contents, {}, context)
        _mark(_directories(difference), staging, ids)
        _sync(staging)
        os.rename(staging, difference.root)
    atomic.sync_folder(folder)


@contextlib.contextmanager
def _staging(folder: str, prefix: str, left: List[str], context: Context, hold: bool = False) -> Iterator[str]:
    """A directory to make everything in. What is left of it if the run breaks off goes with the next run, or when it is old."""
    staging = tempfile.mkdtemp(prefix=prefix, dir=folder)
    with leftovers.noted(staging):
        held = _hold(staging) if hold else -1
        try:
            yield staging
        finally:
            if hold:
                os.close(held)
            tree_left.part(staging, left, context)


def _hold(root: str) -> int:
    """Only one run at a time in a tree; so what waits there is what an interrupted one has left."""
    held = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        raise OperationError("another run is changing %s" % root, hint="wait until it is over") from None
    return held


def _sync(path: str) -> None:
    process.must(["sync", "--file-system", path])


class _Stage:
    """Files and links as they will be, where `place` wants them for now. `left` are directories with what arrived earlier."""

    def __init__(
        self, place: Callable[[Entry], str], difference: Difference, wanted: Wanted, ids: Tuple[int, int], left: List[str]
    ) -> None:
        self._place = place
        self._difference = difference
        self._wanted = wanted
        self._ids = ids
        self._left = left
        self._own_ids = (os.geteuid(), os.getegid())

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
                self._write(entry, _pieces(here[entry.value]))
            elif entry.size == 0:
                self._write(entry, [])
            elif entry.value in travelling:
                copies.append(entry)
            else:
                travelling[entry.value] = entry
        self._receive(list(travelling.values()), context)
        for entry in copies:
            self._write(entry, _pieces(self._place(travelling[entry.value])))

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
            stream = context.fetch(self._wanted.sha256, want=_ranges(whole), squeeze=self._wanted.squeeze)
            incoming = Incoming(_unsqueezed(stream) if self._wanted.squeeze else stream)
            for entry in whole:
                self._write(entry, incoming.pieces(entry.size))
            incoming.take(1, may_end=True)

    def _joined(self, entry: Entry, old: str, context: Context) -> bool:
        """Put a file together of an old one and what differs; whether it came out right."""
        wish = {"want": [[entry.index, entry.index + 1]], "delta": delta.signature(old)}
        try:
            self._write(entry, delta.put_together(old, context.fetch(self._wanted.sha256, **wish)))
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


def _waiting(folder: str, entry: Entry) -> str:
    return "%s/%d" % (folder, entry.index)


def _pieces(path: str) -> Iterator[bytes]:
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


def _rename(difference: Difference, staging: str, contents: List[Entry]) -> None:
    """What is in the way goes first; then directories, from above; then files and links; then what nobody wants."""
    replaced = {entry.path for entry in difference.replaced}
    blocking = [path for path in difference.surplus if any(path.startswith(each + "/") for each in replaced)]
    with contextlib.closing(safe_paths.Below(difference.root)) as below:
        for path in blocking + sorted(path for path in replaced if _changes_places(path, difference, contents)):
            _remove(difference.kind(path), below.at(path))
        for entry in sorted(difference.made + difference.replaced, key=lambda entry: entry.path):
            if entry.kind == "d" and entry.path:
                os.mkdir(below.at(entry.path), 0o700)
        for entry in contents:
            _install(_waiting(staging, entry), below.at(entry.path))
        gone = set(blocking)
        for path in difference.surplus:
            if path not in gone:
                _remove(difference.kind(path), below.at(path))


def _changes_places(path: str, difference: Difference, contents: List[Entry]) -> bool:
    """Whether a directory becomes something else, or something else a directory; a rename cannot do that."""
    return difference.kind(path) == "d" or all(entry.path != path for entry in contents)


def _remove(kind: str, place: str) -> None:
    if kind == "d":
        os.rmdir(place)
    else:
        os.unlink(place)


def _install(staged: str, place: str) -> None:
    try:
        os.rename(staged, place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _install_across(staged, place)


def _install_across(staged: str, place: str) -> None:
    """Another file system is mounted inside the tree: the file is copied there under a hidden name, and then renamed."""
    status = os.lstat(staged)
    if os.path.islink(staged):
        atomic.replace_link(place, os.readlink(staged))
        os.chown(place, status.st_uid, status.st_gid, follow_symlinks=False)
    else:
        atomic.write(place, _pieces(staged), status.st_mode & 0o7777, str(status.st_uid), str(status.st_gid))


def _directories(difference: Difference) -> List[Entry]:
    """Those that are new; they were closed as long as files were still missing."""
    return [entry for entry in difference.made + difference.replaced if entry.kind == "d"]


def _mark(entries: List[Entry], root: str, ids: Tuple[int, int]) -> None:
    """Owner and mode, of directories from below: a closed one would keep out who is not root."""
    with contextlib.closing(safe_paths.Below(root)) as below:
        for entry in sorted(entries, key=lambda entry: entry.path, reverse=True):
            safe_paths.dress(below.at(entry.path) if entry.path else os.path.realpath(root), ids, entry.mode)
