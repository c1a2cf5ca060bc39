"""Which environment variables a version of an application needs, by its `.env.example`, and what differs from a release's."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

_LINE = re.compile(r"\s*(?P<off>#\s*)?(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)")
_EMPTY = re.compile(r"\s*(?:''|\"\")?\s*(?:#.*)?")


@dataclass(frozen=True, slots=True)
class Example:
    """What a `.env.example` names: a key without a value is needed; one with a value, or behind `#`, may be left out."""

    needed: frozenset[str]
    optional: frozenset[str]


@dataclass(frozen=True, slots=True)
class Keys:
    """The verdict: needed and not given, given and not named. Sorted."""

    missing: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """From what a release was given to what the next one would be: names, sorted."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


def example(text: str) -> Example:
    """Read a `.env.example`. A key that has a value anywhere in it is optional."""
    needed: set[str] = set()
    optional: set[str] = set()
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match and not match["off"] and _EMPTY.fullmatch(match["value"]):
            needed.add(match["name"])
        elif match and not (match["off"] and re.search(r"\s\S+\s", match["value"])):  # a sentence with `=` in it is no key
            optional.add(match["name"])
    return Example(frozenset(needed - optional), frozenset(optional))


def compared(wanted: Example, given: Collection[str]) -> Keys:
    """What the inventory gives against what the version of the application names."""
    names = set(given)
    return Keys(tuple(sorted(wanted.needed - names)), tuple(sorted(names - wanted.needed - wanted.optional)))


def difference(live: Mapping[str, str], coming: Mapping[str, str]) -> Difference:
    """Two environments by the fingerprints of their values."""
    both = live.keys() & coming.keys()
    return Difference(
        added=tuple(sorted(coming.keys() - live.keys())),
        removed=tuple(sorted(live.keys() - coming.keys())),
        changed=tuple(sorted(name for name in both if live[name] != coming[name])),
    )
