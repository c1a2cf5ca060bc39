"""How single values of INI files and files of `KEY=value` lines are set."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Tuple

from windlass.agent.core.context import Context
from windlass.agent.core.editing import edit, lines_of
from windlass.agent.core.outcome import Outcome
from windlass.agent.file import text_of

HEADER = re.compile(r"^\s*\[([^\]]*)\]\s*(?:[;#].*)?$")


def ini_value(arguments: Dict[str, Any], context: Context) -> Outcome:
    """One value of one section; everything else, and how the line is written, stays."""
    secret = arguments["sensitive"] or isinstance(arguments["value"], dict)
    return edit(arguments, context, lambda text: _edited(text, arguments), secret)


def _edited(text: str, arguments: Dict[str, Any]) -> Tuple[str, str]:
    lines, end = lines_of(text)
    first, last = _section(lines, arguments["section"])
    what = _remove(lines, (first, last), arguments) if arguments["absent"] else _set(lines, (first, last), arguments)
    return ("".join(each + end for each in lines), what) if what else (text, "")


def _section(lines: List[str], name: str) -> Tuple[int, int]:
    """The lines of a section without its header; the last one of that name. (-1, -1) if there is none."""
    headers = [(index, match[1].strip()) for index, match in enumerate(map(HEADER.match, lines)) if match]
    starts = [(-1, "")] + headers
    ends = [index for index, _name in headers] + [len(lines)]
    found = [(start + 1, end) for (start, each), end in zip(starts, ends) if each == name]  # noqa: B905 - equally long; Python 3.8 does not know strict
    return found[-1] if found else (-1, -1)


def _key(key: str) -> "re.Pattern[str]":
    return re.compile(r"^(\s*(?:export\s+)?%s\s*(?:[=:]\s*|$))(.*)$" % re.escape(key))


def _remove(lines: List[str], section: Tuple[int, int], arguments: Dict[str, Any]) -> str:
    first, last = section
    if first < 0:
        return ""
    if not arguments["key"]:
        del lines[first - 1 : last]
        return "section removed"
    pattern = _key(arguments["key"])
    kept = [each for each in lines[first:last] if not pattern.match(each)]
    if len(kept) == last - first:
        return ""
    lines[first:last] = kept
    return "value removed"


def _set(lines: List[str], section: Tuple[int, int], arguments: Dict[str, Any]) -> str:
    value, key, separator = text_of(arguments["value"]), arguments["key"], arguments["separator"]
    first, last = section
    if first < 0:
        lines += ([""] if lines and lines[-1].strip() else []) + ["[%s]" % arguments["section"], key + separator + value]
        return "section added"
    pattern = _key(key)
    places = [index for index in range(first, last) if pattern.match(lines[index])]
    if not places:
        lines.insert(_place(lines, section, key), key + separator + value)
        return "value added"
    match = pattern.match(lines[places[-1]])
    if match is None or match[2].rstrip() == value:
        return ""
    head = match[1] if re.search(r"[=:]\s*$", match[1]) else key + separator
    lines[places[-1]] = head + value
    return "value replaced"


def _place(lines: List[str], section: Tuple[int, int], key: str) -> int:
    """Behind the line in which it is commented out, else behind the section's last line that is not empty."""
    commented = re.compile(r"^\s*[;#]+\s*%s\s*[=:]" % re.escape(key))
    found = [index for index in range(*section) if commented.match(lines[index])]
    if found:
        return found[-1] + 1
    place = section[1]
    while place > section[0] and not lines[place - 1].strip():
        place -= 1
    return place
