"""The user's and the system's configuration of ssh, as far as a look at it saves asking somebody who understands it."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable
from pathlib import Path
from typing import Final

CONFIGURATION: Final = Path("/etc/ssh/ssh_config")
PARTS: Final = Path("/etc/ssh/ssh_config.d/*.conf")


def files() -> tuple[Path, ...]:
    """What the system's ssh reads, as its packages of Debian and Ubuntu have it."""
    own = Path(pwd.getpwuid(os.getuid()).pw_dir, ".ssh", "config")  # it does not ask $HOME
    return (own, CONFIGURATION, *sorted(PARTS.parent.glob(PARTS.name)))


def mention(words: tuple[str, ...], paths: Iterable[Path]) -> bool:
    """Whether a line of these files begins with one of the words, in lower case, or leads to another file."""
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file()]
    lines = {line.strip().lower() for text in texts for line in text.splitlines()} - {f"include {PARTS}"}
    return any(line.startswith((*words, "include")) for line in lines)
