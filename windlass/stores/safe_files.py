"""Files of a store in a folder: for their owner alone, on the disk before anybody is told, and words for what goes wrong."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from windlass.errors import BackupError


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal. Raises BackupError."""
    with told("read", path), path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """A small file, whole or not at all, in the place of what had its name. Raises BackupError."""
    draft = path.with_name("." + path.name)
    with told("write", path):
        draft.unlink(missing_ok=True)
        with private(draft) as handle:
            handle.write(content)
        draft.rename(path)
        sync(path.parent)


@contextlib.contextmanager
def private(path: Path) -> Iterator[BinaryIO]:
    """A new file for its owner alone, on the disk when the block is left."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        yield handle
        handle.flush()
        os.fsync(handle.fileno())


def sync(folder: Path) -> None:
    """Make what was renamed in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def told(action: str, path: Path) -> Iterator[None]:
    """What the system says, as an error that says where and what to do."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        hint = "make room there; earlier backups are untouched" if full else "check the folder's owner and rights"
        raise BackupError(f"cannot {action} {path}: {error.strerror}", hint=hint) from error
