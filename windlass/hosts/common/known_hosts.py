"""Known hosts files, read once per process. Paramiko would parse every key of a large file anew for each connection.

Nothing here needs Paramiko: a line is only compared, by whoever carries the connection.
"""

from __future__ import annotations

import base64
import hmac
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Final

from windlass.hosts.common.target import Target

DEFAULT_PORT: Final = 22
USER_FILE: Final = Path("~/.ssh/known_hosts")
SYSTEM_FILE: Final = Path("/etc/ssh/ssh_known_hosts")
QUICKEST = (
    "ssh-ed25519"  # of several keys of a host this is the one that is asked for: an RSA signature costs sshd ten times as much
)

_WRITING = threading.Lock()


@dataclass(frozen=True, slots=True)
class KnownKey:
    """One key as it is written; `blob` is what a host shows."""

    key_type: str
    key: str

    @property
    def blob(self) -> bytes:
        """Its bytes; empty for a line that is torn."""
        try:
            return base64.b64decode(self.key)
        except ValueError:
            return b""


@dataclass(frozen=True, slots=True)
class _File:
    """The lines of one file by the names that they are for."""

    named: dict[str, list[KnownKey]]
    hashed: tuple[tuple[bytes, bytes, KnownKey], ...]
    patterns: tuple[tuple[tuple[str, ...], KnownKey], ...]
    revoked: tuple[tuple[tuple[str, ...], bytes], ...]

    def lines(self, name: str) -> Iterator[KnownKey]:
        yield from self.named.get(name, ())
        for salt, digest, line in self.hashed:
            if hmac.digest(salt, name.encode(), "sha1") == digest:
                yield line
        for patterns, line in self.patterns:
            if _matches(name, patterns):
                yield line

    def revokes(self, name: str) -> Iterator[bytes]:
        """The keys that are marked as not to be trusted any more."""
        return (blob for names, blob in self.revoked if _matches(name, names) or any(_is_hash_of(name, each) for each in names))


def known_hosts_of(target: Target) -> Path:
    """The file with the host keys that count for a target, the user's own where none is named."""
    return (target.known_hosts or USER_FILE).expanduser()


def keys_of(target: Target, address: str, port: int) -> list[KnownKey]:
    """The keys that are known of an address, with the files that count for the target."""
    return known_keys(named(address, port), _files(target))


def is_revoked(target: Target, address: str, port: int, blob: bytes) -> bool:
    """Whether one of these files says that this key of the address is not to be trusted any more (`@revoked`)."""
    return blob in _revoked(named(address, port), _files(target))


def _files(target: Target) -> tuple[Path, ...]:
    own = known_hosts_of(target)
    return (own,) if target.known_hosts else (SYSTEM_FILE, own)


def _revoked(name: str, files: tuple[Path, ...]) -> frozenset[bytes]:
    return frozenset(blob for path in files for blob in _current(path).revokes(name))


def named(address: str, port: int) -> str:
    """A host as the files have it."""
    return address if port == DEFAULT_PORT else f"[{address}]:{port}"


def known_keys(name: str, files: tuple[Path, ...]) -> list[KnownKey]:
    """The keys of one host, those first that are quick to check.

    name   as the files have it: `[name]:port` for other ports than 22
    """
    none = _revoked(name, files) | {b""}
    found = [line for path in files for line in _current(path).lines(name) if line.blob not in none]
    return sorted(found, key=lambda key: key.key_type != QUICKEST)


def remember(path: Path, name: str, key: KnownKey) -> None:
    """Write the key of a host never seen before into the file, as `ssh -o StrictHostKeyChecking=accept-new` does."""
    with _WRITING:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("a+b") as handle:
            if handle.tell():
                handle.seek(-1, os.SEEK_END)
                handle.write(b"" if handle.read(1) == b"\n" else b"\n")  # whoever wrote the last line may not have ended it
            handle.write(f"{name} {key.key_type} {key.key}\n".encode())


def _current(path: Path) -> _File:
    """The file as it is now: one that has changed since, such as by --accept-new, is read again."""
    try:
        state = path.stat()
    except OSError:
        return _File({}, (), (), ())
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=8)
def _read(path: Path, _changed_at: int, _size: int) -> _File:
    named: dict[str, list[KnownKey]] = {}
    hashed: list[tuple[bytes, bytes, KnownKey]] = []
    patterns: list[tuple[tuple[str, ...], KnownKey]] = []
    revoked: list[tuple[tuple[str, ...], bytes]] = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        fields = text.split()
        if len(fields) > 3 and fields[0] == "@revoked":
            revoked.append((tuple(fields[1].split(",")), KnownKey(fields[2], fields[3]).blob))
        if len(fields) < 3 or fields[0][0] in "#@":  # @cert-authority is beyond Paramiko
            continue
        names, line = tuple(fields[0].split(",")), KnownKey(fields[1], fields[2])
        if any(set(name) & set("*?!") for name in names):
            patterns.append((names, line))
            continue
        for name in names:
            if name.startswith("|1|"):
                hashed.extend((*digests, line) for digests in _hashed(name))
            else:
                named.setdefault(name, []).append(line)
    return _File(named, tuple(hashed), tuple(patterns), tuple(revoked))


def _hashed(name: str) -> list[tuple[bytes, bytes]]:
    try:
        salt, digest = name[3:].split("|")
        return [(base64.b64decode(salt), base64.b64decode(digest))]
    except ValueError:
        return []


def _is_hash_of(name: str, hashed: str) -> bool:
    return hashed.startswith("|1|") and any(hmac.digest(salt, name.encode(), "sha1") == digest for salt, digest in _hashed(hashed))


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    """As OpenSSH has it: one pattern that fits, and none with `!` that does."""
    escaped = [pattern.replace("[", "[[]") for pattern in patterns]  # here brackets are the ones around a name with a port
    if any(fnmatchcase(name, pattern[1:]) for pattern in escaped if pattern.startswith("!")):
        return False
    return any(fnmatchcase(name, pattern) for pattern in escaped)
