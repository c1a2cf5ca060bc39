"""Changing one value in a JSON text and leaving every other byte as it is: indentation, order of keys, forms of numbers."""

from __future__ import annotations

import json
import re
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple, Union

from windlass.agent.core.outcome import OperationError

Key = Union[str, int]
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


class Member(NamedTuple):
    """Something in an object or a list: its key or index, and where it, its value and the value's end are in the text."""

    key: Key
    begin: int
    value: int
    end: int


def with_value(text: str, keys: Sequence[Key], value: Any) -> str:
    """The text with this value at this place; missing objects on the way are made. Raises OperationError, ValueError."""
    text = text if text.strip() else "{}\n"
    start, end = _document(text)
    for depth, key in enumerate(keys):
        members = _members(text, start)
        found = _named(members, key)
        if found is None:
            _check_kind(text, start, key, len(members))
            return _with_member(text, start, members, (key, _nested(keys[depth + 1 :], value), depth))
        start, end = found.value, found.end
    if _same(json.loads(text[start:end]), value):
        return text
    return text[:start] + _written(value, text, len(keys)) + text[end:]


def without(text: str, keys: Sequence[Key]) -> str:
    """The text without what is at this place. Raises OperationError, ValueError."""
    if not text.strip():
        return text
    start, _end = _document(text)
    members: List[Member] = []
    found: Optional[Member] = None
    for key in keys:
        members = _members(text, start if found is None else found.value)
        start = start if found is None else found.value
        found = _named(members, key)
        if found is None:
            return text
    if found is None:
        return text
    place = members.index(found)
    if len(members) == 1:
        return text[: start + 1] + text[_SPACE.match(text, found.end).end() :]  # type: ignore[union-attr]
    if place:
        return text[: members[place - 1].end] + text[found.end :]
    return text[: found.begin] + text[members[1].begin :]


def _document(text: str) -> Tuple[int, int]:
    start = _skip(text, 0)
    _value, end = _DECODER.raw_decode(text, start)
    if _skip(text, end) != len(text):
        raise ValueError("something follows at character %d" % end)
    return start, end


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _members(text: str, start: int) -> List[Member]:
    """What is in the object or list that begins here; nothing is in any other value. The text is known to be JSON."""
    if text[start] not in "{[":
        return []
    members: List[Member] = []
    position = _skip(text, start + 1)
    while text[position] not in "}]":
        begin = position
        key: Key = len(members)
        if text[start] == "{":
            key, position = _DECODER.raw_decode(text, position)
            position = _skip(text, _skip(text, position) + 1)
        _value, end = _DECODER.raw_decode(text, position)
        members.append(Member(key, begin, position, end))
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return members


def _named(members: List[Member], key: Key) -> Optional[Member]:
    """The last one counts, as for whoever reads it."""
    found = [member for member in members if member.key == key and isinstance(member.key, type(key))]
    return found[-1] if found else None


def _check_kind(text: str, start: int, key: Key, count: int) -> None:
    if (text[start] == "{" and isinstance(key, str)) or (text[start] == "[" and key == count):
        return
    what = "an object" if isinstance(key, str) else "a list with an element before number %d" % key
    raise OperationError("%r cannot be set: what should hold it is not %s" % (key, what), hint="name the place in another way")


def _with_member(text: str, start: int, members: List[Member], new: Tuple[Key, Any, int]) -> str:
    key, value, depth = new
    unit = _unit(text)
    name = json.dumps(key, ensure_ascii=False) + _colon(text, members, start) if isinstance(key, str) else ""
    written = name + _written(value, text, depth + 1)
    if members:
        last = members[-1]
        lead = text[_skip_back(text, last.begin) : last.begin]
        return text[: last.end] + "," + (lead or " " * (not unit and ", " in text)) + written + text[last.end :]
    close = _skip(text, start + 1)
    inner, outer = ("\n" + unit * (depth + 1), "\n" + unit * depth) if unit else ("", "")
    return text[: start + 1] + inner + written + outer + text[close:]


def _skip_back(text: str, position: int) -> int:
    while text[position - 1] in " \t\r\n":
        position -= 1
    return position


def _colon(text: str, members: List[Member], start: int) -> str:
    if members and text[start] == "{":
        _key, end = _DECODER.raw_decode(text, members[-1].begin)
        return text[end : members[-1].value]
    return ": " if _unit(text) or '": ' in text else ":"


def _unit(text: str) -> str:
    """One step of this text's indentation; none if it is all on one line."""
    match = re.search(r"\n([ \t]+)\S", text)
    if match:
        return match[1]
    return "  " if text.strip() in ("{}", "[]") else ""


def _written(value: Any, text: str, depth: int) -> str:
    unit = _unit(text)
    if not unit:
        separators = (", ", ": ") if '": ' in text else (",", ":")
        return json.dumps(value, ensure_ascii=False, separators=separators)
    return json.dumps(value, ensure_ascii=False, indent=unit).replace("\n", "\n" + unit * depth)


def _nested(keys: Sequence[Key], value: Any) -> Any:
    for key in reversed(keys):
        value = {key: value} if isinstance(key, str) else [value]
    return value


def _same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
