"""Where the lab keeps things on this machine, and the few safe ways to write, lock and remove there.

<cache>/base/<fingerprint>/       base images, whole; `.partial` while one is built
<cache>/layers/<id>/<host>/       saved layers, never changed
<cache>/snapshots/<lab>/*.json    which layers a snapshot consists of
<cache>/labs/<id>/                a lab that is up: record.json and a folder per host (upper, work, root, log)
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from windlass.errors import LabError

Say = Callable[[str], None]


def cache() -> Path:
    """The folder for images, layers and running hosts; it must be on a file system that overlays accept."""
    return Path(os.environ.get("WINDLASS_LAB_CACHE", "/var/cache/windlass/lab")).absolute()


@contextmanager
def locked(name: str, say: Say) -> Iterator[Path]:
    """Only one process at a time holds the lock `name`; the kernel frees it when that process dies.

    Gives the lock's file, which its holder may delete.
    """
    path = cache() / "locks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("another command works on this lab: waiting for it")
                fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(file.fileno(), path):
                yield path
                return


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one at its path: a lock on a deleted file excludes nobody."""
    return path.exists() and os.path.samestat(os.fstat(descriptor), path.stat())


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Write under a partial name and rename, so that a reader or a kill never meets half a file."""
    partial = path.with_name(path.name + ".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    partial.rename(path)


def make_for_user(folder: Path) -> None:
    """Make a folder of the person who called; the parents that had to be made for it are theirs, too."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        _give(path)


def give_contents_to_user(folder: Path) -> None:
    """Under sudo the files of a state folder belong to the person who called, not to root."""
    for path in folder.iterdir():
        _give(path)


def _give(path: Path) -> None:
    if "SUDO_UID" in os.environ:
        group = int(os.environ.get("SUDO_GID", "-1"))
        os.chown(path, int(os.environ["SUDO_UID"]), group, follow_symlinks=False)


def mounts_under(folder: Path) -> list[Path]:
    """Mount points at or below a folder, the deepest first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [Path(line.split()[4].replace("\\040", " ")) for line in lines]
    return sorted((point for point in points if point.is_relative_to(folder)), reverse=True)


def unmount_all(folder: Path) -> None:
    """Unmount everything at or below a folder; what is busy is detached and goes when its last user goes."""
    for point in mounts_under(folder):
        done = subprocess.run(["umount", point], capture_output=True, check=False)
        if done.returncode:
            subprocess.run(["umount", "--lazy", point], capture_output=True, check=False)


def remove_tree(folder: Path) -> None:
    """Delete a folder. What is mounted below is unmounted first; raises LabError rather than delete through a mount."""
    if not folder.exists():
        return
    unmount_all(folder)
    if left := mounts_under(folder):
        raise LabError(f"{left[0]} cannot be unmounted, so {folder} was not deleted", hint=f"umount {left[0]}")
    done = subprocess.run(["rm", "-rf", "--one-file-system", "--", folder], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{folder} could not be deleted", last_lines=done.stderr.splitlines()[-5:])
