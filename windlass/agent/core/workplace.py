"""A folder for what a step needs on the disk for a while: root's alone, gone afterwards, and swept if its process was killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from typing import Iterator

from windlass.agent.core.context import STATE

FOLDER = os.path.join(STATE, "work")


@contextlib.contextmanager
def workplace() -> Iterator[str]:
    """The folder's path. Who holds its lock still needs it; the kernel lets go of the lock of whoever dies."""
    os.makedirs(STATE, mode=0o755, exist_ok=True)
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    gate = os.open(FOLDER, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(gate, fcntl.LOCK_EX)  # nobody sweeps a folder away before its own lock is taken
        _sweep()
        folder = tempfile.mkdtemp(dir=FOLDER)
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX)
    finally:
        os.close(gate)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _sweep() -> None:
    for name in os.listdir(FOLDER):
        folder = os.path.join(FOLDER, name)
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)
