"""How single values of INI files and files of `KEY=value` lines are set."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Tuple

from windlass.agent.core.context import Context
from windlass.agent.core.editing import edit, lines_of
from windlass.agent.core.outcome import OperationError, Outcome
from windlass.agent.file import text_of

COMMENT = re.compile(r"^\s*(?:[;#]|$)")
REMARK = re.compile(r"^\s*[;#]")
BACKSLASH = re.compile(r"(?<!\\)(?:\\\\)*\\$")  # an odd number of them
LIKE_A_VALUE = re.compile(r"^\s*[A-Za-z_][\w.-]*\s*(?:=(?!=)|:(?!\S))")
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


def _spans(lines: List[str], section: Tuple[int, int], arguments: Dict[str, Any]) -> List[Tuple[int, int]]:
    """The lines of a section, each with those in which its value goes on."""
    place, last = section
    found = []
    while place < last:
        end = _end(lines, place, last, arguments)
        found.append((place, end))
        place = end
    return found


def _end(lines: List[str], place: int, last: int, arguments: Dict[str, Any]) -> int:
    continued = arguments["continued"]
    if continued is False or COMMENT.match(lines[place]):
        return place + 1
    end = _behind_backslashes(lines, place, last)
    if end > place + 1 or (continued is None and not _key(arguments["key"]).match(lines[place])):
        return end
    return _behind_indented(lines, place, last, bool(continued))


def _behind_backslashes(lines: List[str], place: int, last: int) -> int:
    """As systemd reads it: comments in between are passed over."""
    goes_on, end = True, place
    while goes_on and end < last:
        if end == place or not REMARK.match(lines[end]):
            goes_on = bool(BACKSLASH.search(lines[end]))
        end += 1
    return end


def _behind_indented(lines: List[str], place: int, last: int, sure: bool) -> int:
    """As Python's configparser reads it: what is indented deeper than the key. Without a word of the user's only as far as
    nothing looks like a value of its own, and nothing is empty."""
    depth, end = _depth(lines[place]), place + 1
    for index in range(place + 1, last):
        line = lines[index]
        if not sure and (not line.strip() or LIKE_A_VALUE.match(line)):
            break
        if COMMENT.match(line):
            continue
        if _depth(line) <= depth:
            break
        end = index + 1
    return end


def _check_end(lines: List[str], span: Tuple[int, int], arguments: Dict[str, Any]) -> None:
    """Raises OperationError where a value may go on, before a part of it is left behind, or another one is taken for its part."""
    place, end = span
    while end < len(lines) and REMARK.match(lines[end]):
        end += 1
    if arguments["continued"] is not None or end == len(lines) or BACKSLASH.search(lines[place]):
        return
    if _depth(lines[end]) > _depth(lines[place]) and LIKE_A_VALUE.match(lines[end]):
        raise OperationError(
            "line %d of %s is a value of its own, or the value of %s goes on in it"
            % (end + 1, arguments["path"], arguments["key"]),
            hint="continued=True: it goes on, as Python's configparser reads it; continued=False: each line is for itself",
        )


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _remove(lines: List[str], section: Tuple[int, int], arguments: Dict[str, Any]) -> str:
    first, last = section
    if first < 0:
        return ""
    if not arguments["key"]:
        del lines[first - 1 : last]
        return "section removed"
    pattern = _key(arguments["key"])
    found = [span for span in _spans(lines, section, arguments) if pattern.match(lines[span[0]])]
    for place, end in reversed(found):
        _check_end(lines, (place, end), arguments)
        del lines[place:end]
    return "value removed" if found else ""


def _set(lines: List[str], section: Tuple[int, int], arguments: Dict[str, Any]) -> str:
    value, key, separator = text_of(arguments["value"]), arguments["key"], arguments["separator"]
    if section[0] < 0:
        lines += ([""] if lines and lines[-1].strip() else []) + ["[%s]" % arguments["section"], key + separator + value]
        return "section added"
    pattern, spans = _key(key), _spans(lines, section, arguments)
    found = [span for span in spans if pattern.match(lines[span[0]])]
    if not found:
        lines.insert(_place(lines, spans, key) or section[0], key + separator + value)
        return "value added"
    place, end = found[-1]
    match = pattern.match(lines[place])
    if match is None or (match[2].rstrip() == value and end == place + 1):
        return ""
    _check_end(lines, (place, end), arguments)
    head = match[1] if re.search(r"[=:]\s*$", match[1]) else key + separator
    lines[place:end] = [re.sub(r"(\s[=:])$", r"\1 ", head) + value]  # which had no value in its first line
    return "value replaced"


def _place(lines: List[str], spans: List[Tuple[int, int]], key: str) -> int:
    """Behind the line in which it is commented out, else behind the section's last line that is not empty; 0 if all are."""
    commented = re.compile(r"^\s*[;#]+\s*%s\s*[=:]" % re.escape(key))
    found = [end for place, end in spans if commented.match(lines[place])]
    filled = [end for place, end in spans if lines[place].strip()]
    return (found or filled or [0])[-1]
