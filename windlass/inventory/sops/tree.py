"""Reads a file in SOPS's format: its values in order, which of them are encrypted, and the MAC over all of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import yaml

SECTION = "sops"
PLAIN_SUFFIX = "_unencrypted"
# What SOPS puts in front of a MAC that covers only the encrypted values: the SHA-256 of `sops`.
_ONLY_ENCRYPTED = hashlib.sha256(b"sops").digest()
_RULES = ("unencrypted_suffix", "encrypted_suffix", "unencrypted_regex", "encrypted_regex")
_NOT_HERE = ("key_groups", "shamir_threshold", "unencrypted_comment_regex", "encrypted_comment_regex")
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_FLOAT = re.compile(r"[-+]?(\.\d+|\d+\.\d*|\d+(?=[eE]))([eE][-+]?\d+)?")
_BEYOND = {".inf": "+Inf", "+.inf": "+Inf", "-.inf": "-Inf", ".nan": "NaN"}


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value. Members of a list have the list's path."""

    path: tuple[str, ...]
    text: str
    encrypted: bool
    listed: bool = False

    @property
    def is_secret(self) -> bool:
        """Whether it is an encrypted value at the file's top: a name and one value."""
        return self.encrypted and not self.listed and len(self.path) == 1

    @property
    def place(self) -> str:
        """What a sealed value is bound to."""
        return "".join(f"{part}:" for part in self.path)


@dataclass(frozen=True, slots=True)
class Tree:
    """The values of a file in their order, and what SOPS wrote about it."""

    leaves: tuple[Leaf, ...]
    metadata: Mapping[str, Any]

    def mac(self, opened: Callable[[Leaf], str]) -> str:
        """SHA-512 over the opened values, as SOPS computes it."""
        only = self.metadata.get("mac_only_encrypted") == "true"
        digest = hashlib.sha512(_ONLY_ENCRYPTED if only else b"")
        for leaf in self.leaves:
            if leaf.encrypted or not only:
                digest.update(opened(leaf).encode())
        return digest.hexdigest().upper()


def parse(text: str) -> Tree:
    """Read a file. Raises ValueError that says what about it is not SOPS's format, or is not supported here."""
    try:
        return _parsed(yaml.compose(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ValueError(f"is not YAML{f' (line {mark.line + 1})' if mark else ''}") from None
    except RecursionError:  # also of what refers to itself: `&a [*a]`
        raise ValueError("is nested too deeply to be read, or in itself") from None


def _parsed(root: yaml.Node | None) -> Tree:
    if not isinstance(root, yaml.MappingNode):
        raise ValueError("is not a mapping (`name: value`)")  # noqa: TRY004 - a fault of the file, not of the program
    entries = _entries(root)
    if SECTION not in entries:
        raise ValueError("was never encrypted: it has no `sops:`")
    if list(entries)[-1] != SECTION:
        raise ValueError("should have `sops:` as its last entry")
    metadata = _plain(entries.pop(SECTION))
    encrypted = encrypts(metadata)
    leaves = [leaf for name, node in entries.items() for leaf in _leaves(node, (name,), encrypted)]
    return Tree(tuple(leaves), metadata)


def _entries(node: yaml.MappingNode) -> dict[str, yaml.Node]:
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ValueError(f"has a name that is not text (line {key.start_mark.line + 1})")  # noqa: TRY004 - as above
        if key.value in found:
            raise ValueError(f"has {key.value} twice (line {key.start_mark.line + 1})")
        found[key.value] = value
    return found


def _leaves(
    node: yaml.Node, path: tuple[str, ...], encrypted: Callable[[tuple[str, ...]], bool], *, listed: bool = False
) -> Iterator[Leaf]:
    if isinstance(node, yaml.MappingNode):
        for name, value in _entries(node).items():
            yield from _leaves(value, (*path, name), encrypted)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _leaves(value, path, encrypted, listed=True)
    elif isinstance(node, yaml.ScalarNode) and (node.style is not None or node.value not in _NULLS):
        yield Leaf(path, node.value if node.style is not None else _as_hashed(node.value), encrypted(path), listed)


def _as_hashed(word: str) -> str:
    """A bare word as SOPS writes it into the MAC: truth values in title case, floats without padding, all else as it stands."""
    if word in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return word.title()
    if _FLOAT.fullmatch(word):
        return f"{Decimal(repr(float(word))):f}".removesuffix(".0")
    return _BEYOND.get(word.lower(), word)


def _plain(node: yaml.Node) -> dict[str, Any]:
    """The metadata, all words as they stand."""
    loaded = _words(node)
    if not isinstance(loaded, dict) or not {"lastmodified", "mac"} <= set(loaded):
        raise ValueError("has no `lastmodified` and `mac` in `sops:`")
    strange = [name for name in _NOT_HERE if loaded.get(name) not in (None, "", "0", [])]
    if strange:
        raise ValueError(f"uses {', '.join(strange)} in `sops:`, which only the sops program can read")
    return loaded


def _words(node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return {name: _words(value) for name, value in _entries(node).items()}
    return [_words(value) for value in node.value] if isinstance(node, yaml.SequenceNode) else str(node.value)


def encrypts(metadata: Mapping[str, Any]) -> Callable[[tuple[str, ...]], bool]:
    """Which values SOPS encrypts by what it wrote about a file: any part of the path may decide."""
    given = [name for name in _RULES if metadata.get(name)]
    if len(given) > 1:
        raise ValueError(f"has {' and '.join(given)} in `sops:`, of which there may be one")
    name = given[0] if given else "unencrypted_suffix"
    pattern = str(metadata.get(name) or PLAIN_SUFFIX)
    try:
        matches = re.compile(re.escape(pattern) + "$" if name.endswith("suffix") else pattern).search
    except re.error as error:
        raise ValueError(f"has a {name} in `sops:` that is no regular expression: {error}") from None
    meant = name.startswith("encrypted")
    return lambda path: any(matches(part) for part in path) is meant
