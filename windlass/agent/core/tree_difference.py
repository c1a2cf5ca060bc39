"""Looking at a directory: what it lacks, what it has in another form, and what it has beyond."""

from __future__ import annotations

import os
import stat
from typing import Dict, List, Set, Tuple

from windlass.agent.core.host_sums import HostSums
from windlass.agent.core.outcome import OperationError
from windlass.agent.core.tree_manifest import Entry, Wanted
from windlass.agent.core.tree_memory import Found

FEW = 8  # changes
KINDS = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l"}


class Difference:
    """What has to happen in the directory `root`.

    made      entries that are not there
    replaced  entries that are there with other content, or as something else
    marked    entries that have another owner or mode
    surplus   paths that go, what is inside before its directory
    has       what is there, by path
    """

    def __init__(self, found: Found) -> None:
        self.root = found.root
        self.has = found.has
        self._before = found.root.rstrip("/") + "/"
        self.made: List[Entry] = []
        self.replaced: List[Entry] = []
        self.marked: List[Entry] = []
        self.surplus: List[str] = []
        self._sums = HostSums(found.root, since=found.since)
        self._read: Dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self.made or self.replaced or self.marked or self.surplus)

    def is_small(self) -> bool:
        """Whether a few changes of content are all of it."""
        return not self.marked and len(self.made) + len(self.replaced) + len(self.surplus) <= FEW

    def place(self, path: str) -> str:
        return self._before + path if path else self.root

    def remember(self) -> None:
        """Keep the checksums of what was read, and of what was noted."""
        self._sums.keep()

    def note(self, entry: Entry, status: os.stat_result, now: int) -> None:
        """A file was made like this, and nobody but us could change it up to now."""
        if self._sums.is_settled(status, now):
            self._sums.note(entry.path, status, entry.value)

    def kind(self, path: str) -> str:
        """`f`, `d`, `l`, or nothing for what is none of these or not there."""
        status = self.has.get(path)
        return KINDS.get(stat.S_IFMT(status.st_mode), "") if status else ""

    def sha256(self, path: str) -> str:
        """Of a file that is there; each is read once."""
        if path not in self._read:
            self._read[path] = self._sums.measure(path, self.place(path), self.has[path])[1]
        return self._read[path]


def between(wanted: Wanted, found: Found) -> Difference:
    """What is wanted beside what is there. Raises OperationError where a file and a directory would have to change places without
    `delete`."""
    difference = Difference(found)
    for entry in wanted.entries.values():
        if entry.path not in found.has:
            difference.made.append(entry)
        elif not _is_same(entry, difference):
            _check_place(entry, difference, wanted)
            difference.replaced.append(entry)
        elif _is_marked(entry, found.has[entry.path], wanted.ids):
            difference.marked.append(entry)
    if wanted.delete:
        difference.surplus = _surplus(difference, wanted)
    return difference


def _is_same(entry: Entry, found: Difference) -> bool:
    if found.kind(entry.path) != entry.kind:
        return False
    if entry.kind == "l":
        return os.readlink(found.place(entry.path)) == entry.value
    if entry.kind == "f":
        return found.has[entry.path].st_size == entry.size and found.sha256(entry.path) == entry.value
    return True


def _check_place(entry: Entry, found: Difference, wanted: Wanted) -> None:
    if "d" in (entry.kind, found.kind(entry.path)) and not wanted.delete:
        what = "a directory" if entry.kind == "d" else "no directory"
        raise OperationError(
            "%s should be %s, and something else is there" % (found.place(entry.path), what),
            hint="give delete to have it replaced, or move it away",
        )


def _is_marked(entry: Entry, status: os.stat_result, ids: Tuple[int, int]) -> bool:
    if ids[0] not in (-1, status.st_uid) or ids[1] not in (-1, status.st_gid):
        return True
    return entry.kind != "l" and stat.S_IMODE(status.st_mode) != entry.mode


def _surplus(found: Difference, wanted: Wanted) -> List[str]:
    """What nobody wants, deepest first; a directory stays if something in it is not ours to remove."""
    kept: Set[str] = set()
    surplus = []
    for path in sorted(found.has, key=lambda path: (path.count("/"), path), reverse=True):
        if path in kept or wanted.is_skipped(path):
            kept.add(path.rpartition("/")[0])
        elif path not in wanted.entries:
            _check_mount(path, found)
            surplus.append(path)
    _check_kept(kept, wanted)
    return surplus


def _check_kept(kept: Set[str], wanted: Wanted) -> None:
    for path in kept:
        if path in wanted.entries and wanted.entries[path].kind != "d":
            raise OperationError("%s holds what the patterns leave out, so no file can take its place" % path, hint="move it away")


def _check_mount(path: str, found: Difference) -> None:
    if found.has[path].st_dev != found.has[""].st_dev:
        raise OperationError(
            "another file system is mounted at or above %s" % found.place(path), hint="exclude it; nothing was removed"
        )
