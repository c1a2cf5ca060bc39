"""What had arrived of a large content when a run broke off: it stays beside its place, and the next run has the rest alone sent.

It counts as an old version that has much in common with the new one (`delta`), so each block of it is proven by its hash. A link
called by the content's checksum says where it is. What nobody comes for is removed by a later transfer, after some days.

An agent that is killed, or whose host reboots, has no time to put anything aside. So another link says from the beginning where it
writes, and the file is locked for as long as it lives: what is not locked is nobody's, and whoever comes next puts it aside.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from typing import Any, Dict, Iterator, Optional

from windlass.agent.core import atomic, delta, leftovers, modules
from windlass.agent.core.checksum import Checksum
from windlass.agent.core.context import STATE, Context
from windlass.agent.core.frames import Bytes
from windlass.agent.core.outcome import OperationError

FOLDER = os.path.join(STATE, "arrivals")
BLOCKS, SHARED = "windlass.agent.core.blocks", "windlass.agent.core.shared_blocks"  # come with large files
LONGEST = 7 * 86400  # seconds that one is kept
MOST = 8  # of them


class Received(atomic.Arriving):
    """The content that the controller offers under a checksum; of a large one only what is not here yet travels.

    prints   of its blocks, when all of it was given and its checksum is one by blocks
    """

    def __init__(self, content: Dict[str, Any], context: Context, old: str, home: str) -> None:
        self._checksum = str(content["checksum"])
        self._size = int(content["size"])
        self._context = context
        self._old = old
        self._home = home if self._size >= delta.WORTHWHILE else ""
        self._is_by_blocks = "-" in self._checksum
        self._whole = self._joined = False
        self.prints = b""
        self._note = self._claim = ""
        self._lock = -1

    def begins(self, temporary: str) -> None:
        """Say where it is written, so that it can be found should this process be killed."""
        if not self._home:
            self._note = leftovers.begin(temporary)
            return
        sweep()
        self._claim = os.path.join(FOLDER, "%s.%d" % (self._checksum, os.getpid()))
        try:
            self._lock = _locked(temporary)
            _make_folder()
            atomic.replace_link(self._claim, temporary)
            atomic.sync_folder(FOLDER)
        except OSError:  # not root: then it is lost, as all that is not kept
            self.ends()

    def ends(self) -> None:
        """It has its name, was put aside, or is gone."""
        leftovers.end(self._note)
        if self._claim:
            _remove(self._claim)
        if self._lock != -1:
            os.close(self._lock)
        self._note, self._claim, self._lock = "", "", -1

    def __iter__(self) -> Iterator[Bytes]:
        shared = self._shared()
        if shared is not None:
            yield from shared
            if shared.done:
                self._whole, self.prints = True, bytes(shared.digest.prints)
                return
        digest = self._blocks().like(self._checksum) if self._is_by_blocks else None
        with Checksum(digest) as checksum:
            for chunk in self._resumed() if self._home else self._arriving():
                checksum.take(chunk)
                yield chunk
            self._whole = True
            arrived = checksum.hexdigest()
        self.prints = bytes(digest.prints) if digest else b""
        if arrived != self._checksum:
            kind = atomic.OtherContent if self._joined else OperationError
            raise kind("the content arrived damaged (its checksum differs)", hint=atomic.AGAIN)

    def _shared(self) -> Any:
        """What makes it of an old version whose blocks are known; nothing else of it has arrived before."""
        if not (self._is_by_blocks and self._old) or os.geteuid() or (self._home and is_kept(self._checksum)):
            return None
        return modules.get(SHARED, self._context).Shared(self._old, self._checksum, self._context)

    def _blocks(self) -> Any:
        return modules.get(BLOCKS, self._context)

    def keeps(self, temporary: str) -> bool:
        """Only where the run broke off: what is damaged, not valid or too much for the disk goes."""
        broken = self._context.cancelled.is_set() and not self._whole
        return broken and bool(self._home) and keep(self._checksum, temporary, self._home)

    def _resumed(self) -> Iterator[Bytes]:
        left = find(self._checksum, self._size, self._home)
        if left is None:
            yield from self._arriving()
            return
        try:
            yield from self._beyond("/proc/self/fd/%d" % left)  # this very file, whatever happens to its name
        finally:
            os.close(left)
        drop(self._checksum)

    def _arriving(self) -> Iterator[Bytes]:
        worthwhile = self._size >= delta.WORTHWHILE and delta.is_worthwhile(self._old)
        return self._beyond(self._old) if worthwhile else self._context.fetch(self._checksum)

    def _beyond(self, old: str) -> Iterator[Bytes]:
        self._joined = True
        return delta.put_together(old, self._context.fetch(self._checksum, delta=delta.signature(old)))


def keep(checksum: str, temporary: str, home: str) -> bool:
    """Leave what has arrived in the folder `home`, unless more of it is there already. Whether it has gone there."""
    path = os.path.join(home, ".%s.part" % checksum[:32])
    try:
        there = os.path.getsize(path) if os.path.exists(path) else delta.WORTHWHILE
        if os.path.getsize(temporary) <= there:
            return False
        _make_folder()
        atomic.replace_link(os.path.join(FOLDER, checksum), path)  # first: nothing is kept that nobody knows of
        os.rename(temporary, path)
    except OSError:  # not root; another file system; somebody's folder has this name
        return False
    return True


def find(checksum: str, size: int, home: str) -> Optional[int]:
    """What an earlier run has left of this content, open for reading. It goes where both together have no room on the disk."""
    try:
        descriptor = os.open(os.readlink(os.path.join(FOLDER, checksum)), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    status, disk = os.fstat(descriptor), os.statvfs(home)
    fits = disk.f_bavail * disk.f_frsize > size
    if fits and stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
        return descriptor
    os.close(descriptor)
    drop(checksum)
    return None


def is_kept(checksum: str) -> bool:
    """Whether some of it may have arrived before."""
    return os.path.islink(os.path.join(FOLDER, checksum))


def drop(checksum: str) -> None:
    """It is not needed any more."""
    note = os.path.join(FOLDER, checksum)
    for path in (_named(note), note):
        _remove(path)


def sweep() -> None:
    """Put aside what killed agents have left; remove what is old, and the oldest of too many."""
    try:
        for name in os.listdir(FOLDER):
            if name.startswith("."):  # a link that was being made
                _remove(os.path.join(FOLDER, name))
            elif "." in name:
                _inherit(name)
        notes = {name: os.lstat(os.path.join(FOLDER, name)).st_mtime for name in os.listdir(FOLDER) if "." not in name}
    except OSError:
        return
    newest = sorted(notes, key=lambda name: notes[name], reverse=True)
    for place, name in enumerate(newest):
        if place >= MOST or time.time() - notes[name] > LONGEST:
            drop(name)


def _inherit(name: str) -> None:
    """Put aside what was being written there, unless somebody still does."""
    claim = os.path.join(FOLDER, name)
    temporary = _named(claim)
    try:
        lock = _locked(temporary)
    except BlockingIOError:
        return
    except OSError:  # it has its name by now, or somebody put something else there
        _remove(claim)
        return
    try:
        if not keep(name.partition(".")[0], temporary, os.path.dirname(temporary)):
            _remove(temporary)
        _remove(claim)
    finally:
        os.close(lock)


def _locked(path: str) -> int:
    """A file of our own, opened and locked. Raises BlockingIOError where somebody else has it, OSError where it is not one."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise FileNotFoundError(path)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _make_folder() -> None:
    os.makedirs(STATE, mode=0o755, exist_ok=True)
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def _named(note: str) -> str:
    try:
        return os.readlink(note)
    except OSError:
        return ""
