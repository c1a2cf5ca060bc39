"""Known hosts files, read once per process. Paramiko would parse every key of a large file anew for each connection."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

import paramiko
from paramiko.pkey import UnknownKeyType

QUICKEST = (
    "ssh-ed25519"  # of several keys of a host this is the one that is asked for: an RSA signature costs sshd ten times as much
)


@dataclass(frozen=True, slots=True)
class _Line:
    """One key as it is written; it is parsed only for a host that is called."""

    key_type: str
    key: str

    def parsed(self) -> paramiko.PKey | None:
        try:
            return paramiko.PKey.from_type_string(self.key_type, base64.b64decode(self.key))
        except (paramiko.SSHException, UnknownKeyType, ValueError):  # a kind of key that Paramiko does not know, or a torn line
            return None


@dataclass(frozen=True, slots=True)
class _File:
    """The lines of one file by the names that they are for."""

    named: dict[str, list[_Line]]
    hashed: tuple[tuple[bytes, bytes, _Line], ...]
    patterns: tuple[tuple[tuple[str, ...], _Line], ...]

    def lines(self, name: str) -> Iterator[_Line]:
        yield from self.named.get(name, ())
        for salt, digest, line in self.hashed:
            if hmac.digest(salt, name.encode(), "sha1") == digest:
                yield line
        for patterns, line in self.patterns:
            if _matches(name, patterns):
                yield line


def host_keys(name: str, files: tuple[Path, ...]) -> list[paramiko.PKey]:
    """The keys of one host, at most one of a kind: of several the first counts, as with Paramiko.

    name   as the files have it: `[name]:port` for other ports than 22
    """
    keys: dict[str, paramiko.PKey] = {}
    for path in files:
        for line in _current(path).lines(name):
            key = line.parsed()
            if key is not None:
                keys.setdefault(key.get_name(), key)
    return sorted(keys.values(), key=lambda key: key.get_name() != QUICKEST)


def _current(path: Path) -> _File:
    """The file as it is now: one that has changed since, such as by --accept-new, is read again."""
    try:
        state = path.stat()
    except OSError:
        return _File({}, (), ())
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=8)
def _read(path: Path, _changed_at: int, _size: int) -> _File:
    named: dict[str, list[_Line]] = {}
    hashed: list[tuple[bytes, bytes, _Line]] = []
    patterns: list[tuple[tuple[str, ...], _Line]] = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        fields = text.split()
        if len(fields) < 3 or fields[0][0] in "#@":  # @cert-authority and @revoked are beyond Paramiko
            continue
        names, line = tuple(fields[0].split(",")), _Line(fields[1], fields[2])
        if any(set(name) & set("*?!") for name in names):
            patterns.append((names, line))
            continue
        for name in names:
            if name.startswith("|1|"):
                hashed.extend((*digests, line) for digests in _hashed(name))
            else:
                named.setdefault(name, []).append(line)
    return _File(named, tuple(hashed), tuple(patterns))


def _hashed(name: str) -> list[tuple[bytes, bytes]]:
    try:
        salt, digest = name[3:].split("|")
        return [(base64.b64decode(salt), base64.b64decode(digest))]
    except ValueError:
        return []


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    """As OpenSSH has it: one pattern that fits, and none with `!` that does."""
    escaped = [pattern.replace("[", "[[]") for pattern in patterns]  # here brackets are the ones around a name with a port
    if any(fnmatchcase(name, pattern[1:]) for pattern in escaped if pattern.startswith("!")):
        return False
    return any(fnmatchcase(name, pattern) for pattern in escaped)
