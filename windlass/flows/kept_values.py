"""What a run takes its values from, kept as it was when the run began: the environment's files, the project's roles and templates.

An archive `.windlass/resume/<state>.tar.gz` for each state of these files: as long as none of them changes, all runs share one,
and keeping costs a look at the files. Secrets are in it only as they are in the repository: encrypted.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from windlass import own_file

MOST_FILES: Final = 2000  # with more, looking at them would take longer than many a run
MOST_BYTES: Final = 32 * 1024 * 1024
LARGEST: Final = 256 * 1024  # bytes; a larger file is taken as it is when the run goes on
ENDING: Final = ".tar.gz"
_NEVER: Final = frozenset(("__pycache__", ".git"))
_HOUR: Final = 3600.0
_DAY: Final = 86400.0
_TICK: Final = 0.001  # seconds; an archive keeps times a little less exactly than the disk


@dataclass(frozen=True, slots=True)
class Found:
    """A file or a folder, by its path below the project."""

    name: str
    path: str
    status: os.stat_result

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def mode(self) -> int:
        return stat.S_IMODE(self.status.st_mode)

    @property
    def is_large(self) -> bool:
        return not self.is_folder and self.status.st_size > LARGEST

    def state(self) -> tuple[object, ...]:
        """Another one once it was written, made or exchanged; of a folder, only what is in it counts."""
        status = self.status
        of_file = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        return self.name, status.st_mode, () if self.is_folder else of_file


def folder_of(project: Path) -> Path:
    """Where runs are remembered; it comes to be for this user alone. Raises OSError."""
    folder = project / ".windlass" / "resume"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def keep(project: Path, environment: str) -> tuple[str, bool]:
    """The archive's name, and whether it is a new one; no name where there is too much to keep. It is on the disk then.

    Raises OSError.
    """
    found = _files(project, environment)
    if len(found) > MOST_FILES or sum(each.status.st_size for each in found if not each.is_large) > MOST_BYTES:
        return "", False
    name = hashlib.sha256(ascii([each.state() for each in found]).encode()).hexdigest()[:32]
    path = folder_of(project) / f"{name}{ENDING}"
    try:
        os.utime(path)  # from now on in use, which `sweep` sees
    except FileNotFoundError:
        from windlass.flows.kept_archive import packed  # noqa: PLC0415 - slow to import, and most runs find what they need

        own_file.write(path, packed(found), firm=True)
        return name, True
    return name, False


def changed_since(project: Path, kept: Path, environment: str) -> tuple[str, ...]:
    """Which files are others by now, each with the first line that differs where it is text."""
    before = {each.name: each for each in _files(kept, environment) if not each.is_folder}
    now = {each.name: each for each in _files(project, environment) if not each.is_folder}
    said = (_difference(before.get(name), now.get(name)) for name in sorted({*before, *now}))
    return tuple(filter(None, said))


def sweep(project: Path, in_use: Iterable[str]) -> None:
    """Remove archives that no run has use for, and what a run that was killed has left. One that another run has just come to use,
    and not said so yet, stays."""
    kept = {f"{name}{ENDING}" for name in in_use}
    now = time.time()
    for path in folder_of(project).iterdir():
        with suppress(FileNotFoundError):  # another run sweeps the same
            age = now - path.stat().st_mtime
            if path.is_dir() and age > _DAY:
                _remove(path)
            elif path.is_file() and path.suffix != ".json" and path.name not in kept and age > _HOUR:
                path.unlink()


def _files(project: Path, environment: str) -> list[Found]:
    """All that is to be kept, in order; one more than MOST_FILES stands for too many."""
    name = f"inventories/{environment}"
    found = [each for each in _in(f"{project}/{name}", name, None) if each.name.endswith(".yml") and not each.is_folder]
    for name in ("roles", "templates"):
        for each in _in(f"{project}/{name}", name, frozenset()):
            found.append(each)
            if len(found) > MOST_FILES:
                return found
    return sorted(found, key=lambda each: each.name)


def _in(folder: str, name: str, around: frozenset[tuple[int, int]] | None) -> Iterator[Found]:
    """What is in a folder, through links, but for those that lead back to a folder around them. None: only what is at its top."""
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.name in _NEVER:
            continue
        try:
            found = Found(f"{name}/{entry.name}", entry.path, entry.stat())
        except OSError:  # a link that leads nowhere
            continue
        if stat.S_ISREG(found.status.st_mode):
            yield found
        elif found.is_folder and around is not None and (key := (found.status.st_dev, found.status.st_ino)) not in around:
            yield found
            yield from _in(found.path, found.name, around | {key})


def _difference(before: Found | None, now: Found | None) -> str:
    """Nothing where they are the same."""
    if before is None or now is None:
        return f"{before.name} (gone)" if before else f"{now.name} (new)" if now else ""
    if now.is_large or _was_large(before):
        is_same = _was_large(before) and abs(os.lstat(before.path).st_mtime - now.status.st_mtime) < _TICK
        return "" if is_same else now.name
    old, new = Path(before.path).read_bytes(), Path(now.path).read_bytes()
    if old == new:
        return ""
    return now.name if b"\0" in old + new else f"{now.name}:{_first_unlike(old.splitlines(), new.splitlines())}"


def _was_large(before: Found) -> bool:
    """It is kept as a link, which has the file's time of then."""
    return Path(before.path).is_symlink()


def _first_unlike(old: list[bytes], new: list[bytes]) -> int:
    pairs = enumerate(zip(old, new, strict=False), 1)
    return next((number for number, (one, other) in pairs if one != other), min(len(old), len(new)) + 1)


def _remove(folder: Path) -> None:
    import shutil  # noqa: PLC0415 - hardly ever

    shutil.rmtree(folder, ignore_errors=True)
