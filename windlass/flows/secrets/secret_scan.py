"""Looks for known secret values in a repository: in its files as they are, and in everything that was ever committed."""

from __future__ import annotations

import json
import subprocess
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from windlass.errors import UsageError
from windlass.inventory import Environment, local_secrets
from windlass.inventory.sops.keys import key_ring
from windlass.values import Secret

SHORTEST = 8  # characters; shorter values stand in harmless text, too
HERE = "working tree"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A secret that stands in the open: its name, the commit (or `working tree`), and the path; never the value."""

    secret: str
    commit: str
    path: str


@dataclass(frozen=True, slots=True)
class Scanned:
    """What was found, how many objects were looked through, and the secrets that are too short to be looked for."""

    findings: tuple[Finding, ...]
    objects: int
    skipped: tuple[str, ...]


def scan(project: Path, environments: Iterable[Environment]) -> Scanned:
    """Look for all known values of these environments, and for the private age keys found here.

    Raises UsageError where there is no git repository, InventoryError when a file of secrets cannot be read.
    """
    secrets = _known(project, environments)
    needles = {name: pieces for name, secret in secrets.items() if (pieces := _pieces(secret.reveal()))}
    paths = _objects(project)
    findings = set(_in_files(project, needles))
    for name, sha in _in_history(project, paths, needles):
        findings.add(Finding(name, _commit_of(project, sha), paths[sha] or "commit message"))
    return Scanned(tuple(sorted(findings)), len(paths), tuple(sorted(set(secrets) - set(needles))))


def _known(project: Path, environments: Iterable[Environment]) -> dict[str, Secret]:
    known = {
        f"{environment.name}: {name}": secret
        for environment in environments
        for name, secret in local_secrets(environment).existing().items()
    }
    for number, key in enumerate(key_ring(project).keys, start=1):
        known[f"private age key {number}"] = key
    return known


def _pieces(value: str) -> tuple[bytes, ...]:
    """What betrays a value: itself or one of its lines, also as URLs and JSON write it."""
    lines = {line.strip() for line in (value, *value.splitlines()) if not line.startswith("-----")}
    spelt = {form for line in lines for form in (line, urllib.parse.quote(line, safe=""), json.dumps(line)[1:-1])}
    return tuple(sorted(form.encode() for form in spelt if len(form) >= SHORTEST))


def _found(data: bytes, needles: Mapping[str, tuple[bytes, ...]]) -> Iterator[str]:
    return (name for name, pieces in needles.items() if any(piece in data for piece in pieces))


def _in_files(project: Path, needles: Mapping[str, tuple[bytes, ...]]) -> Iterator[Finding]:
    """Tracked files and new ones that would be; what git ignores is not looked at."""
    for name in _git(project, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split(b"\0"):
        path = project / name.decode(errors="surrogateescape")
        if name and path.is_file() and not path.is_symlink():
            shown = name.decode(errors="replace")
            yield from (Finding(secret, HERE, shown) for secret in _found(path.read_bytes(), needles))


def _objects(project: Path) -> dict[str, str]:
    """All objects of the history with a path; commits, whose messages count too, have an empty one."""
    listed = _git(project, "rev-list", "--objects", "--all").decode(errors="replace").splitlines()
    return {sha: path for sha, _, path in (line.partition(" ") for line in listed)}


def _in_history(project: Path, paths: Mapping[str, str], needles: Mapping[str, tuple[bytes, ...]]) -> Iterator[tuple[str, str]]:
    shas = list(paths)
    command = ["git", "-C", str(project), "cat-file", "--batch"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdin is not None  # noqa: S101 - asked for as pipes
        assert reader.stdout is not None  # noqa: S101
        for sha in shas:
            reader.stdin.write(f"{sha}\n".encode())
            reader.stdin.flush()
            _, kind, size = reader.stdout.readline().split()
            data = reader.stdout.read(int(size) + 1)
            if kind != b"tree":
                yield from ((name, sha) for name in _found(data, needles))
        reader.stdin.close()


def _commit_of(project: Path, sha: str) -> str:
    """The first commit that has an object; for a commit itself."""
    if _git(project, "cat-file", "-t", sha).strip() == b"commit":
        return sha[:12]
    commits = _git(project, "log", "--all", "--reverse", "--format=%H", f"--find-object={sha}").decode().split()
    return commits[0][:12] if commits else "not in any branch"


def _git(project: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(project), *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        raise UsageError("git is not installed here", hint="apt-get install git") from None
    if done.returncode != 0:
        raise UsageError(
            f"git {arguments[0]} failed in {project}", last_lines=done.stderr.decode(errors="replace").splitlines()[-5:]
        )
    return done.stdout
