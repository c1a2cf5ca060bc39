"""YAML read in such a way that every value knows the file and the line it came from.

Plain words stay words: only `true` and `false` are truth values (a country `no` or a switch `on` is text), only a
decimal number is a number (a file mode 0644 or a time 12:30 is text), and a date is text.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from windlass.inventory.nesting import may_be_too_deep, too_deep

try:
    from yaml import CSafeLoader as _BaseLoader
except ImportError:  # PyYAML built without libyaml: the same, ten times slower
    from yaml import SafeLoader as _BaseLoader  # type: ignore[assignment]

KeyPath = tuple[str | int, ...]
LONGEST = 40  # characters of a word that an error shows
MOST_VALUES = 500_000  # of one file, aliases followed: thousands of hosts need fewer


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a file; the file is written as a person would open it from the project's folder."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Note:
    """Something that is wrong at one place of a file."""

    place: Place
    path: KeyPath
    text: str


@dataclass(slots=True)
class Tree:
    """What one or more files say: plain data, and for each path in it the place that says so."""

    data: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, Place] = field(default_factory=dict)

    def place(self, path: KeyPath) -> Place:
        """The place of a value, or of the nearest value around it."""
        for length in range(len(path), -1, -1):
            found = self.places.get(path[:length])
            if found:
                return found
        raise KeyError(path)


class TooLarge(Exception):  # noqa: N818 - reads as what it is
    """A file comes to more values than anybody can have meant."""


class _Loader(_BaseLoader):
    """The safe loader with the few implicit types that the module's first sentences promise."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 - filled below


for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^-?(?:0|[1-9][0-9]*)$", "-0123456789"),
    ("float", r"^-?[0-9]+\.[0-9]+$", "-0123456789"),
    ("null", r"^(?:~|null|Null|NULL|)$", "~nN"),
    ("merge", r"^<<$", "<"),
):
    _characters = [*_first, ""] if _tag == "null" else list(_first)
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _characters)


def read(path: Path, name: str) -> tuple[Tree, list[Note]]:
    """Read one file, called `name` in places, whose top is a mapping; an unreadable file gives an empty tree and a note."""
    tree = Tree(places={(): Place(name, 1)})
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return tree, [Note(Place(name, 1), (), "is not UTF-8 text: save the file as UTF-8")]
    except OSError as error:
        return tree, [Note(Place(name, 1), (), f"cannot be read: {error.strerror}")]
    notes = _fill(tree, text, name)
    if not isinstance(tree.data, dict):
        tree.data = {}
        notes.append(Note(Place(name, 1), (), "should be a mapping (key: value) at its top"))
    return tree, notes


def _fill(tree: Tree, text: str, name: str) -> list[Note]:
    """The tree with what the text says; nothing for a text that is no YAML, and a note."""
    loader = _Loader(text)
    try:
        if may_be_too_deep(text) and (line := too_deep(text, _BaseLoader)):
            return [_nested(name, line)]
        node = loader.get_single_node()
        reader = _Reader(loader, name, tree.places)
        built = reader.build(node, ()) if node is not None else None
        tree.data = {} if built is None else built
    except yaml.YAMLError as error:
        return [_syntax(error, name, text)]
    except RecursionError:
        return [_nested(name, too_deep(text, _BaseLoader) or 1)]
    except TooLarge:
        return [Note(Place(name, 1), (), f"comes to more than {MOST_VALUES} values: do aliases multiply each other?")]
    finally:
        loader.dispose()
    return reader.notes


class _Reader:
    """Turns composed nodes into plain data and writes down where each value stands."""

    def __init__(self, loader: _Loader, name: str, places: dict[KeyPath, Place]) -> None:
        self.loader = loader
        self.name = name
        self.places = places
        self.notes: list[Note] = []
        self._built = 0
        self._around: list[int] = []  # the nodes being built, so that an alias to one of them is seen

    def build(self, node: yaml.Node, path: KeyPath) -> Any:
        self.places.setdefault(path, self._at(node))
        self._built += 1
        if self._built > MOST_VALUES:
            raise TooLarge
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._around:
            self._note(node, path, "refers to itself (an alias to something around it)")
            return None
        self._around.append(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.build(item, (*path, number)) for number, item in enumerate(node.value)]
            assert isinstance(node, yaml.MappingNode)  # noqa: S101 - the three kinds of node that YAML has
            return self._mapping(node, path)
        finally:
            self._around.pop()

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        """PyYAML itself breaks on a word that is not what its own tag says, and Python on a number of thousands of digits."""
        try:
            return self.loader.construct_object(node)
        except (ValueError, LookupError, AttributeError, TypeError):
            tag = str(node.tag).replace("tag:yaml.org,2002:", "!!")
            shown = node.value if len(node.value) <= LONGEST else f"{node.value[:LONGEST]}..."
            self._note(node, path, f"{shown!r} is no {tag}: leave the tag out, or put it in quotes where it is text")
            return None

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        self._refuse_doubles(node, path)
        self.loader.flatten_mapping(node)
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key is None:
                self._note(key_node, path, "a key should be plain text")
                continue
            self.places[(*path, key)] = self._at(key_node)
            result[key] = self.build(value_node, (*path, key))
        return result

    def _refuse_doubles(self, node: yaml.MappingNode, path: KeyPath) -> None:
        first: dict[Hashable, Place] = {}
        for key_node, _ in node.value:
            key = self._key(key_node)
            if key is not None and key in first and key != "<<":
                self._note(key_node, (*path, key), f"is given twice (first in line {first[key].line}): keep one")
            else:
                first[key] = self._at(key_node)

    def _key(self, node: yaml.Node) -> str | None:
        """A key as it is written: `80:` and `true:` are names like any other."""
        return str(node.value) if isinstance(node, yaml.ScalarNode) else None

    def _at(self, node: yaml.Node) -> Place:
        return Place(self.name, node.start_mark.line + 1)

    def _note(self, node: yaml.Node, path: KeyPath, text: str) -> None:
        self.notes.append(Note(self._at(node), path, text))


def _nested(name: str, line: int) -> Note:
    return Note(Place(name, line), (), "is nested too deeply to be read: hundreds of levels, one in another")


def _syntax(error: yaml.YAMLError, name: str, text: str) -> Note:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark else text.count("\n", 0, getattr(error, "position", 0)) + 1
    around = text.splitlines()[max(0, line - 2) : line]
    if mark and any(re.match(r" *\t", each) for each in around):
        line -= not re.match(r" *\t", around[-1])
        return Note(Place(name, line), (), "is indented with a tab: YAML wants spaces")
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    column = f" (column {mark.column + 1})" if mark else ""
    return Note(Place(name, line), (), f"is not YAML: {problem}{column}")
