"""From a reference to the exact code: a branch or tag is resolved once, here, so that all hosts get the same."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import io
import json
import os
import shlex
import shutil
import subprocess
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from windlass.errors import BuildFailed, UsageError
from windlass.inventory import GitSource, NpmSource, PathSource

if TYPE_CHECKING:
    from windlass.inventory import Application

OWN_WORDS = "git's own words say why; is there room on this machine?"  # the hint where nothing better is known
NOT_CODE = frozenset((".git", ".windlass"))  # of a folder that is no repository: in ours are keys and secrets
UNUSED = 7 * 86400  # seconds until a kept tar goes; it can be made again


@dataclass(frozen=True, slots=True)
class Source:
    """Code, fixed.

    reference  what was asked for: a branch, a tag, a version
    commit     the commit it meant, or the exact version of a package; empty for a plain folder
    identity   equal for equal code, whatever it is called
    time       seconds since 1970, of the commit
    tar        the code
    left_out   files of a working folder whose changes are not committed, where it is what is checked out there
    """

    reference: str
    commit: str
    identity: str
    time: int
    tar: Path
    left_out: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """Seven characters of the commit, or the version: what people call a release."""
        if self.commit and all(letter in "0123456789abcdef" for letter in self.commit):
            return self.commit[:7]
        return self.commit or self.identity[:7]


def resolve(application: Application, reference: str, *, project: Path) -> Source:
    """The code that `reference` (or, if empty, the inventory) means now. Raises UsageError if there is no such reference."""
    folder = project / ".windlass" / "sources"
    folder.mkdir(parents=True, exist_ok=True)
    _forget_unused(folder)
    source = application.source
    if isinstance(source, GitSource):
        return _from_git(source, reference or source.ref, project, folder)
    if isinstance(source, NpmSource):
        return _from_npm(source, reference or source.version, folder)
    if reference:
        raise UsageError(
            f"{application.name} comes from a folder, which has no references such as {reference!r}",
            hint="deploy it without --ref, or give it a git source in the inventory",
        )
    return _from_folder(source, project, folder)


def _git(*arguments: str, folder: Path) -> str:
    try:
        completed = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, errors="surrogateescape", check=False
        )
    except FileNotFoundError:
        raise BuildFailed("git is not installed here", hint="apt-get install git") from None
    if completed.returncode != 0:
        raise BuildFailed(
            f"git {arguments[0]} failed in {folder}",
            last_lines=completed.stderr.splitlines()[-10:],
            hint=OWN_WORDS,
        )
    return completed.stdout.strip()


def _from_git(source: GitSource, reference: str, project: Path, folder: Path) -> Source:
    repository = _repository(source.git, project)
    try:
        commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}", folder=repository)
    except BuildFailed:
        raise _unknown_reference(repository, source.git, reference) from None
    identity = _tree(repository, source, reference, commit)
    tar = folder / f"{identity}.tar"
    try:
        os.utime(tar)
    except FileNotFoundError:
        partial = _partial(tar)
        _git("archive", "--format=tar", "-o", str(partial.absolute()), identity, folder=repository)
        partial.replace(tar)
    committed = int(_git("show", "-s", "--format=%ct", commit, folder=repository))
    left_out = _uncommitted(repository, source.folder, commit)
    if repository == project.resolve():  # what says how it is deployed is no part of it
        left_out = tuple(path for path in left_out if not path.startswith("inventories/"))
    return Source(reference, commit, identity, committed, tar, left_out)


def _uncommitted(repository: Path, folder: str, commit: str) -> tuple[str, ...]:
    """What was changed in a working folder since the commit that is deployed; nothing for a mirror, or another commit."""
    where = ("--", folder.strip("/") or ".")
    try:
        told = _git("rev-parse", "--is-inside-work-tree", "HEAD", folder=repository).split()
        if told != ["true", commit]:
            return ()
        changed = _git("diff", "--name-only", "-z", "HEAD", *where, folder=repository)
        new = _git("ls-files", "--others", "--exclude-standard", "-z", *where, folder=repository)
    except BuildFailed:  # what is committed can be deployed nonetheless
        return ()
    return tuple(path for path in f"{changed}\0{new}".split("\0") if path)


def _tree(repository: Path, source: GitSource, reference: str, commit: str) -> str:
    """The application's folder in a commit. Raises UsageError if the commit has none."""
    inside = source.folder.strip("/")
    tree = f"{commit}:{inside}" if inside else f"{commit}^{{tree}}"
    try:
        identity = _git("rev-parse", "--verify", "--quiet", tree, folder=repository)
        kind = _git("cat-file", "-t", identity, folder=repository)
    except BuildFailed:
        kind = "missing"
    if kind != "tree":
        raise UsageError(
            f"{reference} ({commit[:7]}) of {source.git} has no folder {inside!r}",
            hint="mend the application's source.folder in the inventory, or name another reference",
        )
    return identity


def _forget_unused(folder: Path) -> None:
    """Every commit that was ever deployed would stay otherwise, and what a run that was killed had begun."""
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another run may be at the same
            if time.time() - path.stat().st_mtime > UNUSED:
                path.unlink()


def _partial(path: Path) -> Path:
    """The name of a file until it is whole; another run, for another environment, may be making the same one."""
    return path.with_suffix(f".{os.getpid()}.partial")


def _repository(address: str, project: Path) -> Path:
    """A repository on this machine as it is, one elsewhere as a mirror that is brought up to date."""
    local = (project / address).resolve()
    if local.is_dir():
        return local
    try:
        return _mirror(address, project)
    except BuildFailed as error:
        tried = f"`git ls-remote {shlex.quote(address)}` tries it: is the application's source.git right, and may you read it?"
        hint = tried if error.hint == OWN_WORDS else error.hint
        raise BuildFailed(f"{address} cannot be fetched: {error.message}", last_lines=error.last_lines, hint=hint) from error


def _mirror(address: str, project: Path) -> Path:
    mirror = project / ".windlass" / "repositories" / hashlib.sha256(address.encode()).hexdigest()[:16]
    if mirror.is_dir():
        _git("remote", "update", "--prune", folder=mirror)
    else:
        mirror.parent.mkdir(parents=True, exist_ok=True)
        partial = _partial(mirror)
        shutil.rmtree(partial, ignore_errors=True)
        _git("clone", "--quiet", "--mirror", "--", address, str(partial), folder=mirror.parent)
        partial.rename(mirror)
    return mirror


def _unknown_reference(repository: Path, address: str, reference: str) -> UsageError:
    names = _git("for-each-ref", "--format=%(refname:short)", folder=repository).splitlines()
    close = difflib.get_close_matches(reference, names, n=3)
    known = f"did you mean {' or '.join(close)}?" if close else f"it has {', '.join(names[:8]) or 'no branches or tags'}"
    return UsageError(f"{address} has no branch, tag or commit {reference!r}", hint=known)


def _from_npm(source: NpmSource, version: str, folder: Path) -> Source:
    described: dict[str, object] = {"name": "release", "version": "0.0.0", "private": True, "dependencies": {source.npm: version}}
    if source.overrides:
        described["overrides"] = dict(source.overrides)
    manifest = json.dumps(described, indent=1)
    identity = hashlib.sha256(manifest.encode()).hexdigest()
    tar = folder / f"{identity}.tar"
    partial = _partial(tar)
    _write_tar(partial, [("package.json", manifest.encode())])
    partial.replace(tar)
    return Source(f"{source.npm}@{version}", version, identity, 0, tar)


def _from_folder(source: PathSource, project: Path, folder: Path) -> Source:
    top = (project / source.path).resolve()
    if not top.is_dir():
        raise UsageError(f"there is no folder {top}", hint="mend the application's source.path in the inventory")
    members = [(str(path.relative_to(top)), path) for path in _files(top)]
    partial = _partial(folder / "folder")
    _write_tar(partial, members)
    identity = hashlib.sha256(partial.read_bytes()).hexdigest()
    tar = folder / f"{identity}.tar"
    partial.replace(tar)
    return Source(source.path, "", identity, int(time.time()), tar)


def _files(top: Path) -> list[Path]:
    """What git tracks in the folder and what is new there; without git, every file. What Windlass keeps is never code."""
    try:
        listed = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard", folder=top)
        found = [top / name for name in listed.split("\0") if name]
    except BuildFailed:  # no repository, or no git here
        found = list(top.rglob("*"))
    return sorted(path for path in found if path.is_file() and NOT_CODE.isdisjoint(path.relative_to(top).parts))


def _write_tar(path: Path, members: Sequence[tuple[str, bytes | Path]]) -> None:
    """A tar whose bytes depend on nothing but names, content and the executable bit."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in members:
            data = content if isinstance(content, bytes) else content.read_bytes()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            member.mode = 0o755 if isinstance(content, Path) and content.stat().st_mode & 0o100 else 0o644
            archive.addfile(member, io.BytesIO(data))
