"""A large tree that was just as wanted when it was last looked at: while it looks the same, nothing of it has to be compared or
read, and its description need not travel.

What counts of a file or a link is all that the kernel tells of it, with the inode's time, which moves with every change (`sums`);
of a directory its owner and mode, for what is in it is looked at by itself.
"""

from __future__ import annotations

import os
import stat
import time
from typing import Any, Callable, Dict, Iterator, Mapping, Tuple

from windlass.agent.core import host_memory, ownership, quick_json
from windlass.agent.core.outcome import OperationError
from windlass.agent.core.sums import is_settled, write_down

try:
    from _blake2 import blake2b  # without OpenSSL, which takes longer to load than this to compute
except ImportError:
    from hashlib import blake2b

NOTHING = "(?!)"  # the pattern of what leaves nothing out
STAGING = ".windlass-tree-"  # names of directories in which files wait; none of them is part of a tree
AS_WANTED = ".tree"  # ends the name of a file that holds how a tree looked


class Found:
    """What is in the directory `root`.

    has    status by path, the directory's own among them; nothing where there is no directory
    since  all of them are of later than this (in nanoseconds)
    """

    __slots__ = ("has", "root", "since")

    def __init__(self, root: str, has: Dict[str, os.stat_result], since: int) -> None:
        self.root = root
        self.has = has
        self.since = since


def look(root: str) -> Found:
    """Look at everything once."""
    since = time.time_ns()
    return Found(root, dict(_below(root, "")) if os.path.isdir(root) else {}, since)


def _below(folder: str, prefix: str) -> Iterator[Tuple[str, os.stat_result]]:
    if not prefix:
        yield "", os.stat(folder)
    with os.scandir(folder) as found:
        for each in found:
            if each.name.startswith(STAGING):
                continue
            yield prefix + each.name, each.stat(follow_symlinks=False)
            if each.is_dir(follow_symlinks=False):
                for below in _below(each.path, prefix + each.name + "/"):
                    yield below


class TreeMemory:
    """What is remembered of the tree at `root` under these arguments of the operation."""

    def __init__(self, root: str, arguments: Mapping[str, Any]) -> None:
        self._path = host_memory.place(root)
        self._is_skipped = skipping(arguments["source"]["skipped"])
        try:
            ids = ownership.owner_ids(arguments["owner"], arguments["group"])
        except OperationError:  # in a check the user may be about to be made
            self._path, ids = "", (-1, -1)
        self._wanted = quick_json.ordered([arguments, ids])

    def knows(self, found: Found) -> bool:
        """Whether it looked like this when it was as is wanted now."""
        try:
            with open(self._path + AS_WANTED, "rb") as handle:
                return handle.read() == self._digest(found)
        except OSError:
            return False

    def keep(self, found: Found) -> None:
        """It is as wanted. Not kept where somebody could change something without another status to show for it."""
        files = [each for path, each in found.has.items() if not (stat.S_ISDIR(each.st_mode) or self._is_skipped(path))]
        alone = all(host_memory.is_roots(each) for each in files if stat.S_ISREG(each.st_mode))
        if self._path and alone and all(is_settled(each, found.since) for each in files):
            write_down(self._path + AS_WANTED, self._digest(found))

    def _digest(self, found: Found) -> bytes:
        looks = [(path, *_look_of(found.has[path])) for path in sorted(found.has) if not self._is_skipped(path)]
        return blake2b(repr((self._wanted, looks)).encode(), digest_size=32).hexdigest().encode()


def skipping(pattern: str) -> Callable[[str], object]:
    """What says whether a path is left out."""
    if pattern == NOTHING:
        return lambda _path: False
    import re  # noqa: PLC0415 - most leave nothing out

    return re.compile(pattern).search


def _look_of(status: os.stat_result) -> Tuple[int, ...]:
    owned = status.st_mode, status.st_uid, status.st_gid
    if stat.S_ISDIR(status.st_mode):
        return owned
    return (*owned, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
