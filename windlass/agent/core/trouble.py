"""What the kernel's refusals mean to a person: what happened, where, and what to do."""

from __future__ import annotations

import errno
import os
from typing import Tuple

AGAIN = "then run the same again: what is done is left alone"
HINTS = {
    errno.ENOSPC: "make room there (df -h and df -i say where it went), " + AGAIN,
    errno.EDQUOT: "raise the quota or make room, " + AGAIN,
    errno.EROFS: "find out why it is mounted read-only (dmesg, findmnt): a disk may be failing; " + AGAIN,
    errno.EIO: "the disk may be failing: look at dmesg before anything else",
    errno.EMFILE: "something on this host holds very many files open; " + AGAIN,
    errno.ENFILE: "something on this host holds very many files open; " + AGAIN,
    errno.EAGAIN: "this host lets no further process begin (ulimit -u, TasksMax); " + AGAIN,
    errno.ELOOP: "links lead in a circle there (namei shows them): remove one, " + AGAIN,
    errno.ENAMETOOLONG: "a name has at most 255 bytes: choose a shorter one",
    errno.EPERM: "a file may be protected (lsattr), or who is at work there is not root (sudo); " + AGAIN,
    errno.EACCES: "who is at work there may not do that: is it root (sudo)? " + AGAIN,
    errno.EBUSY: "something is mounted there, or uses it (findmnt, fuser -v); " + AGAIN,
    errno.EFBIG: "a limit on the size of files (ulimit -f), or of this file system, is reached; " + AGAIN,
    errno.ENOMEM: "this host is out of memory; " + AGAIN,
}
REPLACED = "Python was replaced on this host while the agent was at work; run the same again"


def trace() -> str:
    """Where the error that is dealt with now came from."""
    import traceback  # noqa: PLC0415 - nothing of it is needed where all goes well, and it brings much along

    return traceback.format_exc()


def explained(error: Exception) -> Tuple[str, str]:
    """Message and hint for what an operation did not expect; no hint if it is nothing that a host's administrator can mend."""
    if isinstance(error, OSError) and error.errno in HINTS:
        where = ": %s" % os.fsdecode(error.filename) if error.filename else ""
        return "%s%s" % (error.strerror, where), HINTS[error.errno]
    if isinstance(error, ImportError):
        return "%s: %s" % (type(error).__name__, error), REPLACED
    return "%s: %s" % (type(error).__name__, error), ""
