"""How an error is shown: what happened, what is true on each host now, the last words of what failed, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from windlass.errors import FlowFailed, InventoryError, WindlassError

INDENT = "  "
LONGEST = 600  # characters of one line of a program's last words
_RED, _YELLOW, _PLAIN = "\x1b[1;31m", "\x1b[33m", "\x1b[0m"


def render_error(error: WindlassError, *, colour: bool = False, width: int = 0) -> str:
    """Lines for a person, without a line feed at the end. `width` is the terminal's, at which what happened is cut between words;
    hints are left to it, so that the commands in them can be copied."""
    words = wrapped(f"error: {_headline(error)}", width).removeprefix("error:")
    lines = [f"{_paint('error:', _RED, colour=colour)}{words}"]
    if isinstance(error, FlowFailed):
        lines += [wrapped(f"{INDENT}{host}: {state}", width, INDENT * 2) for host, state in error.hosts.items()]
    mark = "" if isinstance(error, InventoryError) else "| "
    lines += [f"{INDENT}{mark}{line}".rstrip() for line in (last_words(error.last_lines) if mark else error.last_lines)]
    if error.hint:
        lines.append(f"{_paint('hint:', _YELLOW, colour=colour)} {error.hint}")
    return "\n".join(lines)


def wrapped(text: str, width: int, indent: str = INDENT) -> str:
    """Cut between words where it is longer than the terminal is wide, all but the first line indented; no width, no cut."""
    if not width or len(text) <= width:
        return text
    import textwrap  # noqa: PLC0415 - most runs have nothing to cut

    cut = textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return "\n".join(cut) if "\n" not in text else text


def last_words(lines: Iterable[str]) -> list[str]:
    """What a program said again and again (a log of requests that all fail alike), once."""
    counted = [(line, len(list(same))) for line, same in groupby(lines)]
    return [_short(line) + (f"  ({count} times)" if count > 1 and line else "") for line, count in counted]


def _short(line: str) -> str:
    """Some programs list on one line all that they could have taken; the event log has it whole."""
    return line if len(line) <= LONGEST else f"{line[: LONGEST * 2 // 3]} … {line[-LONGEST // 4 :]}"


def _headline(error: WindlassError) -> str:
    """Where it happened comes first, unless the message says it already."""
    if error.host and error.host not in error.message:
        return f"{error.host}: {error.message}"
    return error.message


def _paint(word: str, code: str, *, colour: bool) -> str:
    return f"{code}{word}{_PLAIN}" if colour else word


def error_object(error: WindlassError) -> dict[str, Any]:
    """The same for machines: the `error` member of the JSON document."""
    described: dict[str, Any] = {
        "message": error.message,
        "hint": error.hint,
        "host": error.host,
        "tried": error.tried,
        "last_lines": list(error.last_lines),
    }
    if isinstance(error, FlowFailed):
        described["hosts"] = dict(error.hosts)
    return described
