"""Notifications that are owed: a changed configuration whose service was not reloaded yet, remembered across failures.

An operation that others watch (`reload_on`, `restart_on`) leaves a mark for each watcher before it changes something; the watcher
takes its mark away when it has run. A run that breaks in between leaves the mark, even in a power cut: the next honours it.
"""

from __future__ import annotations

import os
from typing import List

from windlass.agent.core.parts import sha256

FOLDER = "/var/lib/windlass/owed"


def _path(identity: str) -> str:
    return os.path.join(FOLDER, sha256(identity.encode()).hexdigest()[:32])


_watchers: List[str] = []  # of the operation under way


def begin(identities: List[str]) -> None:
    """An operation begins that these watch."""
    _watchers[:] = identities


def remember() -> None:
    """The operation under way is about to change something, or has: whoever watches it will have to act. Raises OSError."""
    while _watchers:
        mark(_watchers[-1])
        _watchers.pop()


def mark(identity: str) -> None:
    """Somebody will have to act, if not in this run, then in the next. Raises OSError."""
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    with open(_path(identity), "w", encoding="utf-8") as handle:
        handle.write(identity + "\n")
        handle.flush()
        os.fsync(handle.fileno())


def is_owed(identity: str) -> bool:
    """Whether a reaction is noted that no run has made yet."""
    return os.path.exists(_path(identity))


def forget(identity: str) -> None:
    """It was made, or is not wanted any more."""
    try:
        os.unlink(_path(identity))
    except FileNotFoundError:
        pass
