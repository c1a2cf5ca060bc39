"""A folder of the controller's that is content of an operation: what is in it, by path, kind and checksum."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import stat
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from windlass.errors import InventoryError
from windlass.operations import checksums

NOTHING = "(?!)"  # the regular expression that matches nowhere
MANY = 200  # entries whose description travels only to hosts that ask for it
_PARTS = re.compile(r"\*\*/?|\*|\?|\[!?[^]]+\]|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One thing in a tree.

    path   below the tree; bytes that are not UTF-8 stand as lone surrogates
    kind   `f` a file, `d` a directory, `l` a symbolic link
    mode   permission bits
    value  a file's SHA-256, a link's target
    """

    path: str
    kind: str
    mode: int
    size: int = 0
    value: str = ""


@dataclass(frozen=True, slots=True)
class LocalTree:
    """What a local folder holds now. Only this description travels, and then the content that a host lacks.

    digest       identifies it
    skipped      a regular expression for what is no part of it, on the host neither
    description  the entries in JSON, as the host reads them
    """

    root: Path
    digest: str
    skipped: str = NOTHING
    entries: tuple[TreeEntry, ...] = field(default=(), repr=False, compare=False)
    description: bytes = field(default=b"", repr=False, compare=False)

    @classmethod
    def of(cls, root: Path, *, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> LocalTree:
        """Describe a folder, reading each of its files once.

        Patterns are like those of .gitignore: without a slash they mean a name at any depth, with one a path below the folder;
        `*` and `?` stop at a slash, `**` does not. `include` takes these files only, and `exclude` leaves out what would be taken.
        Raises InventoryError where the folder cannot be read or holds something that is no file, directory or link.
        """
        skipped, taken = regular_expression(exclude), re.compile(regular_expression(include))
        try:
            with checksums.measuring(f"{root.absolute()} {skipped} {taken.pattern}") as measure:
                below = _below(str(root), "", re.compile(skipped), _only(measure, taken) if include else measure)
                found = [entry for entry in below if _is_taken(entry, include, taken)]
        except OSError as error:
            raise InventoryError(f"{error.filename or root} cannot be read: {error.strerror}", hint="check its path") from error
        if include:
            skipped = f"(?:{skipped})|^(?!.*(?:{taken.pattern}))"
        listed = [[entry.path, entry.kind, entry.mode, entry.size, entry.value] for entry in found]
        description = json.dumps(listed, separators=(",", ":")).encode()
        digest = hashlib.sha256(description + skipped.encode()).hexdigest()
        return cls(root, digest, skipped, tuple(found), description)

    def packed(self) -> bytes:
        """The description as it travels."""
        return _packed(self.description)


@functools.lru_cache(maxsize=4)
def _packed(description: bytes) -> bytes:
    """Once for all hosts."""
    return zlib.compress(description, 1)


def regular_expression(patterns: Sequence[str]) -> str:
    """One for all patterns, to be searched in a path below the tree; whatever is below a match matches as well."""
    alternatives = []
    for pattern in patterns:
        body = pattern.strip("/")
        start = "^" if "/" in body or pattern.startswith("/") else "(?:^|/)"
        alternatives.append(start + "".join(map(_part, _PARTS.findall(body))) + "(?:/|$)")
    return "|".join(alternatives) or NOTHING


def _part(text: str) -> str:
    if text == "**/":
        return "(?:.*/)?"
    if len(text) > 2 and text[0] == "[":
        return text.replace("[!", "[^", 1)
    return {"**": ".*", "*": "[^/]*", "?": "[^/]"}.get(text, re.escape(text))


def _below(folder: str, prefix: str, skipped: re.Pattern[str], measure: checksums.Measure) -> Iterator[TreeEntry]:
    with os.scandir(folder) as found:
        for each in sorted(found, key=lambda each: each.name):
            path = prefix + _text(each.name)
            if skipped.search(path):
                continue
            entry = _entry(each, path, measure)
            yield entry
            if entry.kind == "d":
                yield from _below(each.path, path + "/", skipped, measure)


def _entry(found: os.DirEntry[str], path: str, measure: checksums.Measure) -> TreeEntry:
    status = found.stat(follow_symlinks=False)
    mode = stat.S_IMODE(status.st_mode) & 0o777
    if stat.S_ISREG(status.st_mode):
        size, sha256 = measure(path, found.path, status)
        return TreeEntry(path, "f", mode, size, sha256)
    if stat.S_ISDIR(status.st_mode):
        return TreeEntry(path, "d", mode)
    if stat.S_ISLNK(status.st_mode):
        return TreeEntry(path, "l", 0, 0, _text(Path(found.path).readlink()))
    raise InventoryError(
        f"{found.path} is a device, a socket or a pipe", hint="exclude it: only files, directories and links travel"
    )


def _text(name: str | Path) -> str:
    """A name as it travels, whatever the locale here is."""
    text = str(name)
    return text if text.isascii() else os.fsencode(text).decode("utf-8", "surrogateescape")


def _only(measure: checksums.Measure, taken: re.Pattern[str]) -> checksums.Measure:
    """What nobody wants is not read either."""
    return lambda name, path, status: measure(name, path, status) if taken.search(name) else (0, "")


def _is_taken(entry: TreeEntry, include: Sequence[str], taken: re.Pattern[str]) -> bool:
    """With `include` only what matches; the directories above come by themselves."""
    return not include or (entry.kind != "d" and taken.search(entry.path) is not None)
