"""What an agent was writing when it was killed, or its host lost its power: found by a later one that writes, and removed.

Nothing is written in its place. It waits under a name of its own, and a link in FOLDER says where for as long as it does, called by
the process that writes. Once that is no more, a file goes at once. A folder may hold what the next run of the same goes on with:
it goes when it is old, or when whoever knows better says so.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import stat
import time
from typing import Iterator, Optional, Tuple

from windlass.agent.core.context import STATE

FOLDER = os.path.join(STATE, "begun")
LONGEST = 7 * 86400  # seconds that a folder is kept
_numbers = itertools.count(1)
_swept = 0  # the process that has swept


def begin(temporary: str) -> str:
    """Say where something is written. The note, for `end`; empty where none can be made, as for who is not root."""
    note = os.path.join(FOLDER, "%d.%s.%d" % (os.getpid(), _began(os.getpid()), next(_numbers)))
    try:
        os.makedirs(FOLDER, mode=0o700, exist_ok=True)
        _sweep_once()
        os.symlink(os.path.realpath(temporary) if temporary.startswith("/proc/") else temporary, note)
    except OSError:
        return ""
    return note


def end(note: str) -> None:
    """It has its name, or is gone."""
    if note:
        _remove(note)


@contextlib.contextmanager
def noted(temporary: str) -> Iterator[None]:
    """While the block lasts, and for as long as what it leaves is there."""
    note = begin(temporary)
    try:
        yield
    finally:
        if not os.path.lexists(temporary):
            end(note)


def clear(prefix: str) -> None:
    """Remove the folders of this beginning that nobody works in any more: all that was of use in them has been taken."""
    for note, place in _left():
        if place.startswith(prefix):
            _remove_folder(note, place)


def _sweep_once() -> None:
    global _swept  # noqa: PLW0603 - what a fork inherits is the parent's
    if _swept != os.getpid():
        _swept = os.getpid()
        sweep()


def sweep() -> None:
    """Remove files that were being written when their writers died, and folders that have waited for long."""
    for note, place in _left():
        mode = _mode(place)
        if mode is None or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            _remove(note)  # it has its name by now, or somebody put something else there
        elif stat.S_ISREG(mode):
            _remove(place)
            _remove(note)
        elif time.time() - os.lstat(note).st_mtime > LONGEST:
            _remove_folder(note, place)


def _left() -> Iterator[Tuple[str, str]]:
    """Notes of processes that are no more, and where they lead."""
    try:
        names = os.listdir(FOLDER)
    except OSError:
        return
    for name in names:
        process_id, _, rest = name.partition(".")
        if process_id.isdigit() and "." in rest and _began(int(process_id)) != rest.partition(".")[0]:  # else it is not ours
            note = os.path.join(FOLDER, name)
            with contextlib.suppress(OSError):  # another agent may be sweeping, too
                yield note, os.readlink(note)


def _began(process_id: int) -> str:
    """When a process was started, in the kernel's own count; empty if there is none."""
    try:
        with open("/proc/%d/stat" % process_id, "rb") as handle:
            return handle.read().rpartition(b")")[2].split()[19].decode()
    except OSError:
        return ""


def _mode(path: str) -> Optional[int]:
    try:
        return os.lstat(path).st_mode
    except OSError:
        return None


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def _remove_folder(note: str, place: str) -> None:
    shutil.rmtree(place, ignore_errors=True)
    if not os.path.lexists(place):
        _remove(note)
