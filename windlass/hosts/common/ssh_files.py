"""The user's and the system's configuration of ssh, as far as a look at it saves asking somebody who understands it."""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final

CONFIGURATION: Final = Path("/etc/ssh/ssh_config")
PARTS: Final = Path("/etc/ssh/ssh_config.d/*.conf")


def files() -> tuple[Path, ...]:
    """What the system's ssh reads, as its packages of Debian and Ubuntu have it."""
    own = Path(_home(os.getuid()), ".ssh", "config")
    with contextlib.suppress(OSError):
        parts = [name for name in os.listdir(PARTS.parent) if name.endswith(PARTS.suffix)]  # noqa: PTH208 - for each host
        return (own, CONFIGURATION, *(PARTS.with_name(name) for name in sorted(parts)))
    return own, CONFIGURATION


def mention(words: tuple[str, ...], paths: Iterable[Path]) -> bool:
    """Whether a line of these files begins with one of the words, in lower case, or leads to another file.

    They are read once for all hosts, as long as they stay as they are.
    """
    found = tuple(paths)
    return _mention(words, found, tuple(map(_state, found)))


@lru_cache(maxsize=16)
def _mention(words: tuple[str, ...], paths: tuple[Path, ...], _states: tuple[object, ...]) -> bool:
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file()]
    lines = {line.strip().lower() for text in texts for line in text.splitlines()} - {f"include {PARTS}"}
    return any(line.startswith((*words, "include")) for line in lines)


def _state(path: Path) -> tuple[int, ...]:
    with contextlib.suppress(OSError):
        status = os.stat(path)  # noqa: PTH116 - for each host
        return status.st_mtime_ns, status.st_size, status.st_ino
    return ()


@lru_cache(maxsize=1)
def _home(user_id: int) -> str:
    """It does not ask $HOME."""
    return pwd.getpwuid(user_id).pw_dir
