"""SHA-256 of files that were read before, for as long as the kernel says that they are what they were.

Whatever is done to a file, the kernel sets its inode's time (ctime), which no program can set back, as any can the time of change.
So a file counts as the same while its device, inode, size and both times are. One that was changed a moment before it was read is
read each time, as git does it: it may be changed once more before the clock of its file system has ticked.

Both sides use it: the controller for its own files, the agent for those of the host (`host_sums`).
"""

from __future__ import annotations

import os
import time
from typing import Callable, Dict, List, Tuple, Union

from windlass.agent.core import quick_json
from windlass.agent.core.frames import Bytes
from windlass.agent.core.parts import sha256

SECOND = 10**9  # nanoseconds
SETTLED = 2 * SECOND  # after which a clock has ticked, whatever file system it is
TICK = 50 * 10**6  # nanoseconds within which every clock has ticked that counts parts of seconds
MOST_FILES = 100_000  # of one collection: more would take long to look up, too
MOST_KEPT = 256  # collections in one folder

Entry = List[Union[int, str]]
Measured = Tuple[int, str]  # size and SHA-256 of the very bytes that were read


class Sums:
    """What is known of one collection of files, by name: a tree, or a single large file.

    path      where it is kept; empty: nowhere. Only what was asked for since it was opened is kept again
    measured  reads the file at a path, of about this size
    since     when the first file began to be read, if not now (in nanoseconds)

    Open it before any status is taken that it is asked about.
    """

    def __init__(self, path: str, measured: Callable[[str, int], Measured], since: int = 0) -> None:
        self._opened = since or time.time_ns()
        self._path = path
        self._measured = measured
        self._before = _read(path) if path else {}
        self._now: Dict[str, Entry] = {}

    def measure(self, name: str, path: str, status: os.stat_result) -> Measured:
        """Size and checksum of the file that had this status a moment ago, remembered or read."""
        found = self.known(name, status)
        if found:
            return status.st_size, found
        size, found = self._measured(path, status.st_size)
        if self.is_settled(status, self._opened) and _version(status) == _version(os.stat(path)):
            self.note(name, status, found)
        return size, found

    def is_settled(self, status: os.stat_result, now: int) -> bool:
        """Whether every change after now will be seen."""
        return is_settled(status, now)

    def known(self, name: str, status: os.stat_result) -> str:
        """The checksum of a file that was seen before; empty if it was not, or is another by now."""
        entry = self._now.get(name) or self._before.get(name)
        if entry is None or entry[:5] != _version(status):
            return ""
        self._now[name] = entry
        return str(entry[5])

    def forget(self, name: str) -> None:
        """What is known of this file is not what is wanted."""
        for entries in (self._now, self._before):
            entries.pop(name, None)

    def note(self, name: str, status: os.stat_result, checksum: str) -> None:
        """A file of this status has this content, and nobody can have changed it since without another status to show for it."""
        self._now[name] = [*_version(status), checksum]

    def keep(self) -> None:
        """Write down what is known now."""
        if not self._path or self._now == self._before or len(self._now) > MOST_FILES:
            return
        write_down(self._path, quick_json.short(self._now).encode())


def write_down(path: str, content: Bytes) -> None:
    """Keep this there, and few others beside it. Where that cannot be, files are read again the next time."""
    made = "%s.%d" % (path, os.getpid())
    try:
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as handle:
            handle.write(content)
        os.rename(made, path)
        _bound(os.path.dirname(path))
    except OSError:
        pass


def named(what: str) -> str:
    """A collection's file name."""
    return sha256(what.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def is_settled(status: os.stat_result, now: int) -> bool:
    """Whether every change after now, in nanoseconds, gives the file another time."""
    fine = status.st_mtime_ns % SECOND and status.st_ctime_ns % SECOND
    return max(status.st_mtime_ns, status.st_ctime_ns) < now - (TICK if fine else SETTLED)


def same(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether both are of the same file, and nobody has changed it in between."""
    return _version(one) == _version(other)


def _version(status: os.stat_result) -> Entry:
    return [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _read(path: str) -> Dict[str, Entry]:
    """What was kept; nothing of what is not just as it is written here."""
    try:
        with open(path, "rb") as handle:
            found = quick_json.read(handle.read().decode())
        return {name: entry for name, entry in found.items() if len(entry) == 6 and isinstance(entry[5], str)}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _bound(folder: str) -> None:
    """Let go of those that were written longest ago."""
    names = os.listdir(folder)
    if len(names) > MOST_KEPT:
        paths = sorted((os.path.join(folder, name) for name in names), key=os.path.getmtime)
        for path in paths[: len(paths) - MOST_KEPT]:
            os.unlink(path)
