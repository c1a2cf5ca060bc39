"""What had arrived of a tree when a run broke off: its files need not travel again.

They lie where they waited for their names, in a directory that is ours alone, so nobody else wrote them; and each counts by its
checksum. Of a tree there is one at most: the next run that changes it takes what is of use, and removes it. If none comes, it is
old some day, and goes with what else was left (`leftovers`).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
from typing import Dict, List, Set

from windlass.agent.core import delta
from windlass.agent.core.context import Context


def waiting(folder: str, prefix: str) -> List[str]:
    """The directories that broken runs have left there; who is alive holds a lock on the one it uses."""
    paths = [os.path.join(folder, name) for name in os.listdir(folder) if name.startswith(prefix)]
    return [path for path in paths if _is_left(path)]


def useful(left: List[str], sizes: Set[int]) -> Dict[str, str]:
    """Where the files of these sizes are, by checksum."""
    found = {}
    for path in (path for top in left if _is_ours(top) for path in _files(top, sizes)):
        with open(path, "rb") as handle:
            digest = hashlib.sha256()
            for piece in iter(lambda: handle.read(1 << 20), b""):
                digest.update(piece)
        found[digest.hexdigest()] = path
    return found


def part(staging: str, left: List[str], context: Context) -> None:
    """Leave what has arrived if the run broke off, and nothing else."""
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    if not (context.cancelled.is_set() and _size(staging) >= delta.WORTHWHILE):
        shutil.rmtree(staging, ignore_errors=True)


def _is_left(path: str) -> bool:
    try:
        held = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(held)
    return True


def _is_ours(top: str) -> bool:
    status = os.lstat(top)
    return status.st_uid == os.geteuid() and not status.st_mode & 0o077


def _files(top: str, sizes: Set[int]) -> List[str]:
    found = []
    for folder, _folders, names in os.walk(top):
        for path in (os.path.join(folder, name) for name in names):
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode) and status.st_size in sizes:
                found.append(path)
    return found


def _size(top: str) -> int:
    return sum(os.lstat(os.path.join(folder, name)).st_size for folder, _folders, names in os.walk(top) for name in names)
