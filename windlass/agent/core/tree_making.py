"""Making a directory what it should be: all content first, then all names.

A new tree is made beside its place, and gets its name when it is whole. In one that is there, files are written into a directory of
their own, made durable together by one syncfs(2), and then renamed into their places; one more makes the names durable.
Thousands of fsync(2) would cost a write barrier each, and would keep nothing that this does not: before the first rename all
content is on the disk, so no name can ever lead to half a file. A few files are made durable one by one: syncfs would write all
that others have left to be written on that file system.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import tempfile
import time
from typing import Dict, Iterator, List, Optional, Tuple

from windlass.agent.core import atomic, leftovers, ownership, process, safe_paths, tree_left
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError
from windlass.agent.core.tree_difference import Difference
from windlass.agent.core.tree_manifest import Entry, Wanted
from windlass.agent.core.tree_memory import STAGING, Found, TreeMemory
from windlass.agent.core.tree_stage import Stage, pieces


def make(difference: Difference, wanted: Wanted, known: Dict[str, bytes], memory: Optional[TreeMemory], context: Context) -> None:
    """Do all of it. What fails before the first rename leaves everything as it was. A new tree is remembered if it is to be."""
    ids = ownership.owner_ids(wanted.owner, wanted.group)
    if "" not in difference.has:
        made = _make_new(difference, wanted, ids, context)
        if memory is not None:
            memory.keep(made)
            difference.remember()
        return
    held = _hold(difference.root)
    try:
        left = tree_left.waiting(difference.root, STAGING)
        with _staging(difference.root, STAGING, left, context) as staging:
            contents = [entry for entry in difference.made + difference.replaced if entry.kind != "d"]
            stage = Stage(lambda entry: _waiting(staging, entry), difference, wanted, ids, left)
            stage.fill(contents, known, context)
            if not difference.is_small():
                _sync(staging)
            _rename(difference, staging, contents)
        _mark(difference.marked + _directories(difference), difference.root, ids)
        _sync_names(difference, difference.root)
    finally:
        os.close(held)


def _make_new(difference: Difference, wanted: Wanted, ids: Tuple[int, int], context: Context) -> Found:
    """A tree that is not there is made beside its place, and gets its name when it is whole. What is in it, and since when others
    than we can change it."""
    folder, name = os.path.split(difference.root)
    left = tree_left.waiting(folder, STAGING + name + ".")
    with _staging(folder, STAGING + name + ".", left, context, hold=True) as staging:
        for entry in sorted(difference.made, key=lambda entry: entry.path):
            if entry.kind == "d" and entry.path:
                os.mkdir(os.path.join(staging, entry.path), 0o700)
        contents = [entry for entry in difference.made if entry.kind != "d"]
        stage = Stage(lambda entry: staging + "/" + entry.path, difference, wanted, ids, left)
        stage.fill(contents, {}, context)
        _mark(_directories(difference), staging, ids)
        _sync_names(difference, staging)
        has = {entry.path: os.lstat(os.path.join(staging, entry.path)) for entry in difference.made if entry.kind != "f"}
        made = Found(difference.root, has, time.time_ns())
        os.rename(staging, difference.root)
    atomic.sync_folder(folder)
    for entry, status in stage.written:
        difference.note(entry, status, made.since)
        has[entry.path] = status
    return made


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


def _sync_names(difference: Difference, root: str) -> None:
    """Make durable what has changed there, the content of a few files excepted, which is so already."""
    if not difference.is_small():
        _sync(root)
        return
    changed = [entry.path for entry in difference.made + difference.replaced] + difference.surplus
    folders = {path.rpartition("/")[0] for path in changed if path} | {entry.path for entry in _directories(difference)}
    for folder in (os.path.join(root, each) for each in folders):
        if os.path.isdir(folder):  # else it has gone with what was in it
            atomic.sync_folder(folder)


def _waiting(folder: str, entry: Entry) -> str:
    return "%s/%d" % (folder, entry.index)


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
        atomic.write(place, pieces(staged), status.st_mode & 0o7777, str(status.st_uid), str(status.st_gid))


def _directories(difference: Difference) -> List[Entry]:
    """Those that are new; they were closed as long as files were still missing."""
    return [entry for entry in difference.made + difference.replaced if entry.kind == "d"]


def _mark(entries: List[Entry], root: str, ids: Tuple[int, int]) -> None:
    """Owner and mode, of directories from below: a closed one would keep out who is not root."""
    with contextlib.closing(safe_paths.Below(root)) as below:
        for entry in sorted(entries, key=lambda entry: entry.path, reverse=True):
            safe_paths.dress(below.at(entry.path) if entry.path else os.path.realpath(root), ids, entry.mode)
