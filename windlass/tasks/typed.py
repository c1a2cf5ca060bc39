"""How a person types our commands: `invoke …` in a clone, `windlass …` where the package is installed and there is no tasks.py."""

from __future__ import annotations

import re
import sys
from pathlib import Path

_COMMAND = re.compile(r"\binvoke (?=-*[a-z])")


def program() -> str:
    """What a person types to run a task: `windlass` or `invoke`."""
    return "windlass" if Path(sys.argv[0]).name == "windlass" else "invoke"


def as_typed(text: str) -> str:
    """A text of ours with its commands as whoever reads it types them."""
    return text if program() == "invoke" else _COMMAND.sub("windlass ", text)
