"""How single lines of files are set."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

from windlass.agent.core.context import Context
from windlass.agent.core.editing import edit, lines_of, matches, place_for
from windlass.agent.core.outcome import Outcome
from windlass.agent.file import text_of


def line(arguments: Dict[str, Any], context: Context) -> Outcome:
    """One line of a text file: there, in its place, or gone."""
    secret = arguments["sensitive"] or isinstance(arguments["line"], dict)
    return edit(arguments, context, lambda text: _edited(text, arguments), secret)


def _edited(text: str, arguments: Dict[str, Any]) -> Tuple[str, str]:
    lines, end = lines_of(text)
    what = _remove(lines, arguments) if arguments["absent"] else _set(lines, arguments)
    return "".join(each + end for each in lines), what


def _remove(lines: List[str], arguments: Dict[str, Any]) -> str:
    match, wanted = arguments["match"], text_of(arguments["line"])
    kept = [each for each in lines if not (matches(match, each) if match is not None else each == wanted)]
    count = len(lines) - len(kept)
    lines[:] = kept
    return "" if not count else "1 line removed" if count == 1 else "%d lines removed" % count


def _set(lines: List[str], arguments: Dict[str, Any]) -> str:
    wanted = text_of(arguments["line"])
    match = arguments["match"]
    places = [index for index, each in enumerate(lines) if each == wanted or (match is not None and matches(match, each))]
    if places:
        if lines[places[-1]] == wanted:
            return ""
        lines[places[-1]] = wanted
        return "line replaced"
    lines.insert(place_for(lines, arguments["after"], arguments["before"]), wanted)
    return "line added"
