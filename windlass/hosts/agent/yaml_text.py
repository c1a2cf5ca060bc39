"""Changing one value in a YAML text and leaving the rest as it is: comments, order, quotes.

PyYAML tells where in the text each value stands; only those characters are replaced. YAML has too many forms to be sure of all, so
what comes out is read again, and refused unless it says exactly what was wanted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

Key = str | int


class _RefusedError(Exception):
    """It cannot be done in this text without touching more of it."""


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """The new text for an agent that asks, or why there is none."""
    text, keys = str(question["text"]), list(question["keys"])
    try:
        before = yaml.safe_load(text)
        wanted = _changed(before, keys, question)
        if _same(wanted, before):
            return {"text": text}
        new = _Text(text).without(keys) if question["absent"] else _Text(text).with_value(keys, json.loads(question["value"]))
        said = yaml.safe_load(new)
    except (yaml.YAMLError, _RefusedError, RecursionError) as error:
        return {"refused": " ".join(str(error).split())}
    return {"text": new} if _same(said, wanted) else {"refused": "its form is too unusual to change this one value in it"}


def _same(one: object, other: object) -> bool:
    return repr(one) == repr(other) or (one == other and json.dumps(one, default=str) == json.dumps(other, default=str))


def _changed(data: Any, keys: Sequence[Key], question: Mapping[str, Any]) -> Any:
    """What the file should say afterwards."""
    data = _unshared(data)
    if question["absent"]:
        holder = _holder(data, keys[:-1])
        if _has(holder, keys[-1]):
            del holder[keys[-1]]
        return data
    data = {} if data is None else data
    holder = data
    for position, key in enumerate(keys):
        rest = _nested(keys[position + 1 :], json.loads(question["value"]))
        if isinstance(holder, list) and key == len(holder):
            holder.append(rest)
            break
        if not isinstance(holder, dict) and not _has(holder, key):
            raise _RefusedError(f"{key!r} cannot be set: nothing can hold it there")
        if position == len(keys) - 1 or not _has(holder, key) or holder[key] is None:
            holder[key] = rest
            break
        holder = holder[key]
    return data


def _unshared(data: Any) -> Any:
    """A copy in which nothing is two things at once, as aliases are: a change of one of them would be one of the other, too."""
    if isinstance(data, dict):
        return {key: _unshared(value) for key, value in data.items()}
    return [_unshared(value) for value in data] if isinstance(data, list) else data


def _has(holder: Any, key: Key) -> bool:
    if isinstance(holder, list):
        return isinstance(key, int) and 0 <= key < len(holder)
    return isinstance(holder, dict) and key in holder


def _holder(data: Any, keys: Sequence[Key]) -> Any:
    for key in keys:
        data = data[key] if _has(data, key) else None
    return data


def _nested(keys: Sequence[Key], value: object) -> object:
    for key in reversed(keys):
        value = [value] if key == 0 else {key: value}
    return value


class _Text:
    """A text and where its values stand."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._end = "\r\n" if "\r\n" in text else "\n"
        self._root = yaml.compose(text, Loader=yaml.SafeLoader)

    def with_value(self, keys: Sequence[Key], value: object) -> str:
        if self._root is None:
            return self._joined(self._text, _block(_nested(keys, value), 0))
        node = self._root
        for position, key in enumerate(keys):
            rest = _nested(keys[position + 1 :], value)
            place = _find(node, key)
            if place is None:
                return self._inserted(node, key, rest)
            if position == len(keys) - 1 or _is_null(place[1]):
                return self._replaced(node, place, rest)
            node = place[1]
        return self._text

    def without(self, keys: Sequence[Key]) -> str:
        node = self._root
        for key in keys[:-1]:
            node = (_find(node, key) or (None, None))[1]
        place = _find(node, keys[-1])
        if place is None or node is None:
            return self._text
        if len(node.value) == 1 or _is_flow(node):
            return self._emptied(node, keys)
        first = place[0] or place[1]
        start = self._text.rfind("\n", 0, first.start_mark.index) + 1
        end = self._text.find("\n", self._last(place[1])) + 1
        return self._text[:start] + (self._text[end:] if end else "")

    def _emptied(self, node: yaml.Node, keys: Sequence[Key]) -> str:
        """A collection on one line, or one that becomes empty, is written anew."""
        left = _holder(yaml.safe_load(self._text), keys[:-1])
        del left[keys[-1]]
        if len(keys) > 1 and not _is_flow(node):
            return self.with_value(keys[:-1], left)
        return self._text[: node.start_mark.index] + _flow(left) + self._text[self._last(node) :]

    def _replaced(self, holder: yaml.Node, place: tuple[yaml.Node | None, yaml.Node], value: object) -> str:
        key, old = place
        end = self._last(old)
        if key is None:
            return self._text[: old.start_mark.index] + _flow(value) + self._text[end:]
        colon = self._text.index(":", key.end_mark.index) + 1
        if isinstance(value, (dict, list)) and value and not _is_flow(holder):
            new = self._end + _block(value, key.start_mark.column + 2).rstrip("\n").replace("\n", self._end)
        else:
            new = " " + _flow(value, getattr(old, "style", None))
        return self._text[:colon] + new + self._text[max(end, colon) :]

    def _inserted(self, holder: yaml.Node, key: Key, value: object) -> str:
        is_list = isinstance(holder, yaml.SequenceNode)
        if _is_flow(holder):
            close = holder.end_mark.index - 1
            entry = _flow(value) if is_list else f"{_flow(key)}: {_flow(value)}"
            return self._text[:close] + (", " if holder.value else "") + entry + self._text[close:]
        if not holder.value:
            raise _RefusedError("nothing can be added there")
        last = holder.value[-1] if is_list else holder.value[-1][1]
        column = holder.start_mark.column
        entry = " " * column + f"- {_flow(value)}\n" if is_list else _block({key: value}, column)
        stop = self._text.find("\n", self._last(last))
        if stop < 0:
            return self._joined(self._text, entry)
        return self._text[: stop + 1] + entry.replace("\n", self._end) + self._text[stop + 1 :]

    def _joined(self, text: str, entry: str) -> str:
        return text + (self._end if text and not text.endswith("\n") else "") + entry.replace("\n", self._end)

    def _last(self, node: yaml.Node) -> int:
        """Where a value ends: PyYAML says of a collection in lines that it ends where the next thing begins."""
        while not isinstance(node, yaml.ScalarNode) and not _is_flow(node) and node.value:
            last = node.value[-1]
            node = last[1] if isinstance(last, tuple) else last
        end: int = node.end_mark.index
        if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
            end = len(self._text[:end].rstrip())
        return end


def _find(node: yaml.Node | None, key: Key) -> tuple[yaml.Node | None, yaml.Node] | None:
    """The nodes of a key and its value; no key in a list."""
    if isinstance(node, yaml.MappingNode):
        found = [(name, value) for name, value in node.value if isinstance(name, yaml.ScalarNode) and name.value == str(key)]
        return found[-1] if found else None
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and 0 <= key < len(node.value):
        return None, node.value[key]
    return None


def _is_flow(node: yaml.Node) -> bool:
    """Whether a collection is written in brackets."""
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _flow(value: object, style: str | None = None) -> str:
    """A value on one line, a text in the quotes that were there before."""
    quotes = style if isinstance(value, str) and style in ("'", '"') else None
    if isinstance(value, str) and "\n" in value:
        quotes = '"'
    written = yaml.safe_dump(value, default_flow_style=True, default_style=quotes, width=10**9, allow_unicode=True, sort_keys=False)
    return written.removesuffix("\n").removesuffix("\n...")


def _block(value: object, column: int) -> str:
    written = yaml.safe_dump(value, default_flow_style=False, width=10**9, allow_unicode=True, sort_keys=False)
    return "".join(" " * column + line for line in written.splitlines(keepends=True))
