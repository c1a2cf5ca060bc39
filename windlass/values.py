"""Small values that everything else is made of: secrets, commands, sizes, durations."""

from __future__ import annotations

import base64
import functools
import json
import os
import re
import shlex
import time
from dataclasses import dataclass
from urllib.parse import quote

from windlass.errors import UsageError

HIDDEN = "•••"
SHORTEST = 4  # characters of a secret that is looked for
SHORTEST_ENCODED = 8  # and of one that is looked for encoded: fewer would be found where there is none
MOST_ENCODED = 20  # lines: of a whole file each line would be looked for in many ways


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A value that no output shows: `str`, `repr` and formatting give `•••`; `reveal` is the only way to the text."""

    _text: str

    def reveal(self) -> str:
        return self._text

    def shapes(self) -> frozenset[str]:
        """What must not be shown: the text, its lines, and how programs write these into addresses, JSON, shell lines, and, alone
        or within more (`Authorization: Basic …`), in Base64 and hexadecimal digits.

        Shorter pieces than four characters are left out: hiding them would blot out harmless text and protect nothing.
        """
        return _shapes(self._text)

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return HIDDEN


@functools.lru_cache(maxsize=4096)
def _shapes(text: str) -> frozenset[str]:
    pieces = {piece for piece in (text, *text.splitlines()) if len(piece.strip()) >= SHORTEST}
    shapes = set(pieces)
    for piece in pieces:
        shapes |= {quote(piece, safe=safe, errors="replace") for safe in ("", "/")}
        shapes |= {json.dumps(piece)[1:-1], json.dumps(piece, ensure_ascii=False)[1:-1]}
        shapes |= {shlex.quote(piece)} if "'" in piece else set()
        shapes |= _encoded(piece.encode(errors="replace")) if len(pieces) <= MOST_ENCODED else set()
    return frozenset(shapes)


def _encoded(piece: bytes) -> set[str]:
    """In Base64 the middle of it, which is the same whatever stands around: three ways, by where the piece begins."""
    if len(piece) < SHORTEST_ENCODED:
        return set()
    shapes = {piece.hex(), piece.hex().upper()}
    for before in range(3):
        first, end = -(-8 * before // 6), 8 * (before + len(piece)) // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            shapes.add(encode(bytes(before) + piece).decode()[first:end])
    return shapes


@dataclass(frozen=True, slots=True)
class Command:
    """A program and its arguments. Rendering it for a shell happens here and nowhere else."""

    arguments: tuple[str, ...]

    @classmethod
    def of(cls, *arguments: object) -> Command:
        """Raises UsageError for a secret: everybody on a host can read the arguments of its processes."""
        if any(isinstance(argument, Secret) for argument in arguments):
            raise UsageError("a secret cannot be an argument of a command", hint="give it on standard input or in the environment")
        return cls(tuple(str(argument) for argument in arguments))

    def __str__(self) -> str:
        return shlex.join(self.arguments)


_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)?\s*$")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def seconds(text: str | float) -> float:
    """`90`, `1.5s`, `500ms`, `10m`, `2h`, `7d` in seconds. Raises UsageError for anything else."""
    match = _DURATION.match(str(text))
    if not match:
        raise UsageError(f"{text!r} is not a duration", hint="write for example 30s, 10m, 2h or 7d")
    return float(match[1]) * _SECONDS[match[2] or "s"]


_UNITS = {"kB": 10, "MB": 20, "GB": 30}


def size(text: str) -> int:
    """Bytes of a size as PostgreSQL writes it: 64MB are 64 times 1024 times 1024. Raises ValueError."""
    number, unit = text[:-2], text[-2:]
    if not number.isdigit() or unit not in _UNITS:
        raise ValueError(f"not a size such as 64MB: {text!r}")
    return int(number) << _UNITS[unit]


def human_seconds(value: float) -> str:
    """A duration as a person says it: `340 ms`, `4.2 s`, `3 min 20 s`, `5 h 10 min`, `12 d`."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} d"


def human_bytes(value: float) -> str:
    """A size as a person says it, in powers of 1024: `812 B`, `3.4 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def counted(number: int, noun: str) -> str:
    """`1 host`, `2 hosts`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def new_run_id(now: float | None = None) -> str:
    """What one run of a command is called: its moment in UTC and chance, as `20260102T030405-1f2e3d`. Names sort by time."""
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(now))}-{os.urandom(3).hex()}"
