"""Small files of this user's own that the start of the program reads: nobody else can have written what they say. And a folder of
this user's own, which git is to see nothing of."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path


def read(path: Path) -> bytes:
    """Nothing of a file that is not this user's alone to write, or is no plain file. Raises OSError where there is none."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as handle:
        status = os.fstat(descriptor)
        is_ours = status.st_uid == os.geteuid() and stat.S_ISREG(status.st_mode) and not status.st_mode & 0o022
        return handle.read() if is_ours else b""


def write(path: Path, content: bytes, *, firm: bool = False) -> None:
    """Whole or not at all, for this user alone; with `firm` no loss of power takes it back. Raises OSError."""
    made = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
            handle.write(content)
            if firm:
                handle.flush()
                os.fsync(handle.fileno())
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)
    if firm:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def keep_out_of_git(folder: Path) -> None:
    """Let git see nothing of a folder, as venv and pytest do with theirs: a rule beside the code that makes it may be missing in
    somebody's repository. Where there is no such folder, or none may be written to, nothing happens."""
    with contextlib.suppress(OSError), (folder / ".gitignore").open("x", encoding="utf-8") as file:
        file.write("*\n")
