"""Sentences as a terminal shows them: cut between words, never inside a command of ours, which somebody may want to copy."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from windlass.report.errors import wrapped
from windlass.report.tables import terminal_width

HANGING: Final = "  "
_COMMAND: Final = re.compile(r"\b(?:invoke|windlass) [a-z][\w.]*(?: --[\w-]+(?: [^\s-][^\s:;,)]*)?)*")
_TIED: Final = "\xa0"  # a space at which nothing is cut


def prose(lines: Iterable[str], width: int | None = None) -> str:
    """The lines below each other; one that is too long goes on in the next, two further in.

    `width` is that of the terminal standard output is; without one nothing is cut, for programs that read it.
    """
    room = terminal_width(sys.stdout) if width is None else width
    return "\n".join(_cut(line, room) if 0 < room < len(line) else line for text in lines for line in text.split("\n"))


def near(place: str) -> str:
    """A path below the folder where the command was typed, from there; any other place as it is."""
    here = f"{Path.cwd()}/"
    return place.removeprefix(here)


def _cut(line: str, room: int) -> str:
    own = line[: len(line) - len(line.lstrip())]
    tied = _COMMAND.sub(lambda found: found[0].replace(" ", _TIED), line)
    return wrapped(tied, room, own + HANGING).replace(_TIED, " ")
