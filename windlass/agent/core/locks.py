"""Locks that other programs hold on files."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time
from typing import Optional, Sequence

from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError

FLOCK = "hhqqi"  # struct flock of fcntl(2): type, whence, start, length, process


def holder(path: str) -> Optional[str]:
    """Who holds a lock on this file, as text; None if nobody does or there is no such file. Nothing is locked by asking."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EACCES):
            return None
        raise
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    finally:
        os.close(descriptor)
    kind, _whence, _start, _length, process_id = struct.unpack(FLOCK, answer)
    return None if kind == fcntl.F_UNLCK else "%s (process %d)" % (_name_of(process_id), process_id)


def _name_of(process_id: int) -> str:
    try:
        with open("/proc/%d/comm" % process_id, encoding="utf-8") as handle:
            return handle.read().strip()
    except OSError:
        return "another program"


def wait_until_free(paths: Sequence[str], limit: float, context: Context) -> None:
    """Wait until nobody holds a lock on any of these files, with a note of who does. Raises OperationError past `limit` seconds."""
    deadline = time.monotonic() + limit
    told = ""
    while True:
        held = next(((path, by) for path in paths for by in [holder(path)] if by), None)
        if held is None:
            return
        if held[1] != told:
            told = held[1]
            context.note("waiting for %s, which holds %s" % (told, held[0]))
        if time.monotonic() > deadline:
            raise OperationError("%s still holds %s after %g s" % (told, held[0], limit), hint="wait for it to end, then run again")
        context.wait(1.0)
