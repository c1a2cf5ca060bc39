"""Notifications that are owed: a changed configuration whose service was not reloaded yet, remembered across failures.

An operation that others watch (`reload_on`, `restart_on`) leaves a mark for each watcher when it changes something; the watcher
takes its mark away when it has run. A run that breaks in between leaves the mark, and the next run honours it.
"""

from __future__ import annotations

import hashlib
import os
from typing import List

FOLDER = "/var/lib/windlass/owed"


def _path(identity: str) -> str:
    return os.path.join(FOLDER, hashlib.sha256(identity.encode()).hexdigest()[:32])


def remember(identities: List[str]) -> None:
    for identity in identities:
        os.makedirs(FOLDER, mode=0o700, exist_ok=True)
        with open(_path(identity), "w", encoding="utf-8") as handle:
            handle.write(identity + "\n")


def is_owed(identity: str) -> bool:
    return os.path.exists(_path(identity))


def forget(identity: str) -> None:
    try:
        os.unlink(_path(identity))
    except FileNotFoundError:
        pass
