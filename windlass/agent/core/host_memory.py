"""Where root's agent keeps what it knows of this host's files until the next boot: a folder that root alone may look into.

Only files that root alone may write count: whoever else has mapped one into memory can change it for some seconds without a sign.
"""

from __future__ import annotations

import os
import stat

from windlass.agent.core.private import alone
from windlass.agent.core.sums import named

FOLDER = "/run/windlass/sums"


def place(of: str) -> str:
    """Where it lies what is known of a tree, or of one large file; empty for who is not root, or has no room."""
    if not of or os.geteuid():
        return ""
    try:
        return os.path.join(alone(FOLDER), named(of))
    except OSError:  # somebody else's, or there is no room
        return ""


def is_roots(status: os.stat_result) -> bool:
    """Whether it is of a regular file that nobody else may write."""
    return stat.S_ISREG(status.st_mode) and status.st_uid == 0 and not status.st_mode & 0o022
