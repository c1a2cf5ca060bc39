"""Backups in a folder on the controller: `<folder>/<name>/<id>/`, everything for the owner alone.

A draft is `.partial-<id>`, a removal under way `.removing-<id>`; one rename(2) makes the former a backup and a backup the latter.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from windlass.errors import BackupError, RefusedError
from windlass.stores.manifest import INSTRUCTIONS, MANIFEST, PIN, SEALED, Manifest, Pin, Proof, written
from windlass.stores.proofs import proof_file
from windlass.stores.published import Listing, Stored
from windlass.stores.read_behind import ReadBehind
from windlass.stores.reading import Reader, is_small
from windlass.stores.signature import Signatures
from windlass.stores.store import SWEPT_AFTER, Runner
from windlass.stores.wanted import ReadLock, is_wish, stays

PARTIAL, REMOVING = ".partial-", ".removing-"


@dataclass(frozen=True, slots=True)
class _PartWriter:
    handle: BinaryIO
    path: Path

    def write(self, chunk: bytes | memoryview) -> None:
        with _told("write", self.path):
            self.handle.write(chunk)


@dataclass(slots=True)
class _DirectoryDelivery:
    """Bytes that come down the channel; see `Delivery`. Their checksum is taken of what is read back of them, once."""

    writer: _PartWriter
    behind: ReadBehind
    size: int = 0

    def take(self, _stream: int, chunk: bytes | memoryview) -> None:
        self.writer.write(chunk)
        self.size += len(chunk)
        self.behind.wrote(len(chunk))

    def answer(self, _question: Mapping[str, Any]) -> Mapping[str, Any]:
        return {}  # nowhere else but here

    def finish(self, told: Mapping[str, Any]) -> None:
        if self.size != told["stored_bytes"]:
            text = f"{self.size} bytes of {self.writer.path.name} arrived, and {told['stored_bytes']} were sent"
            raise BackupError(text, hint="run it again")


@dataclass(frozen=True, slots=True)
class DirectoryDraft:
    """A draft in a folder; see `Draft`."""

    folder: Path
    final: Path
    signatures: Signatures | None = None
    behind: dict[str, ReadBehind] = field(default_factory=dict, compare=False)

    @property
    def id(self) -> str:
        return self.final.name

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[_PartWriter]:
        path = self.folder / name
        with _told("write", path), _private(path) as handle:
            yield _PartWriter(handle, path)

    @contextlib.contextmanager
    def delivery(self, part: str) -> Iterator[_DirectoryDelivery]:
        """What is not encrypted is hashed by the host, to which it is sent to be decoded."""
        behind = ReadBehind(self.folder / part, hashes=part.endswith(SEALED))
        with self.part(part) as writer:
            try:
                yield _DirectoryDelivery(writer, behind)
            finally:
                behind.stop()
        with _told("read", self.folder / part):
            behind.whole()
        self.behind[part] = behind

    def local(self, name: str) -> Path:
        return self.folder / name

    def digest(self, part: str, _size: int, _run: Runner) -> str:
        with _told("read", self.folder / part):
            followed = self.behind[part].sha256() if part in self.behind else ""
        return followed or _digest(self.folder / part)

    def publish(self, manifest: Manifest, instructions: str) -> Stored:
        files = {INSTRUCTIONS: instructions.encode(), MANIFEST: written(manifest).encode()}
        if self.signatures:
            files |= self.signatures.sign(files[MANIFEST])
        for name, content in files.items():
            with self.part(name) as writer:
                writer.write(content)
        with _told("publish", self.final):
            _sync(self.folder)
            self.folder.rename(self.final)
            _sync(self.final.parent)
        return Stored(manifest, signed=self.signatures is not None)

    def discard(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class DirectoryStore:
    """A store in a folder; see `Store`. With `signatures` manifests are signed, and one whose signature does not fit is doubted."""

    folder: Path
    signatures: Signatures | None = None
    environment: str = ""

    @property
    def place(self) -> str:
        return str(self.folder)

    def begin(self, name: str, backup_id: str) -> DirectoryDraft:
        home = self.folder / name
        draft = home / f"{PARTIAL}{backup_id}"
        with _told("make", draft):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            home.mkdir(mode=0o700, exist_ok=True)
            draft.mkdir(mode=0o700)
            _sync(self.folder)
        return DirectoryDraft(draft, home / backup_id, self.signatures)

    def listing(self, name: str) -> Listing:
        backups, unreadable = [], {}
        for folder in self._folders(name):
            try:
                backups.append(_read(folder, Reader(self.signatures, self.environment)))
            except (BackupError, OSError) as error:
                unreadable[folder.name] = error.message if isinstance(error, BackupError) else str(error.strerror)
        return Listing(tuple(sorted(backups, key=lambda each: (each.manifest.taken, each.id))), unreadable)

    def source(self, name: str, backup_id: str, part: str) -> Path:
        path = self.folder / name / backup_id / part
        if not path.is_file():
            raise BackupError(f"{path} is not there", hint="the backup is not whole: choose another one, of invoke backup.list")
        return path

    def digest(self, name: str, backup_id: str, part: str, _size: int, _run: Runner) -> str:
        return _digest(self.source(name, backup_id, part))

    def add_proof(self, name: str, proof: Proof) -> None:
        file, content = proof_file(proof, self.signatures)
        _write(self.folder / name / proof.backup / file, content)

    def set_pin(self, name: str, backup_id: str, pin: Pin | None) -> None:
        path = self.folder / name / backup_id / PIN
        if pin is not None:
            _write(path, written(pin).encode())
            return
        with _told("remove", path):
            path.unlink(missing_ok=True)
            _sync(path.parent)

    def lock(self, name: str, lock: ReadLock) -> None:
        _write(self.folder / name / lock.backup / lock.file, written(lock).encode())

    def unlock(self, name: str, lock: ReadLock) -> None:
        path = self.folder / name / lock.backup / lock.file
        with _told("remove", path):
            path.unlink(missing_ok=True)

    def remove(self, name: str, backup_id: str) -> None:
        home = self.folder / name
        there, going = home / backup_id, home / f"{REMOVING}{backup_id}"
        with _told("remove", there):
            _refuse_wanted(backup_id, there)
            there.rename(going)
            try:
                _refuse_wanted(backup_id, going)
            except RefusedError:
                going.rename(there)
                raise
            _sync(home)
            shutil.rmtree(going)

    def sweep(self, name: str, now: datetime) -> tuple[str, ...]:
        swept = []
        home = self.folder / name
        with _told("read", home):
            left = [*home.glob(f"{PARTIAL}*"), *home.glob(f"{REMOVING}*")]
        for folder in left:
            if now.timestamp() - _last_touched(folder) > SWEPT_AFTER.total_seconds():
                shutil.rmtree(folder, ignore_errors=True)
                swept.append(folder.name)
        return tuple(swept)

    def _folders(self, name: str) -> list[Path]:
        home = self.folder / name
        with _told("read", home):
            if not home.is_dir():
                return []
            return [each for each in home.iterdir() if each.is_dir() and not each.name.startswith(".")]


def _refuse_wanted(backup_id: str, folder: Path) -> None:
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # a lock that is given back at this moment
            if is_wish(path.name, timedelta(seconds=time.time() - path.stat().st_mtime)):
                raise stays(backup_id, path.name, path.read_bytes())


def _digest(path: Path) -> str:
    with _told("read", path), path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _read(folder: Path, reader: Reader) -> Stored:
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    files = {name: (folder / name).read_bytes() for name in sizes if is_small(name)}
    return reader.stored(folder.name, files, sizes)


def _write(path: Path, content: bytes) -> None:
    """A file beside a published backup, whole or not at all."""
    draft = path.with_name("." + path.name)
    with _told("write", path):
        draft.unlink(missing_ok=True)
        with _private(draft) as handle:
            handle.write(content)
        draft.rename(path)
        _sync(path.parent)


def _last_touched(folder: Path) -> float:
    """When anything in it was last written, in seconds since 1970; a long backup may still be at work."""
    times = [folder.stat().st_mtime]
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            times.append(path.stat().st_mtime)
    return max(times)


@contextlib.contextmanager
def _private(path: Path) -> Iterator[BinaryIO]:
    """A new file for its owner alone, on the disk when the block is left."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        yield handle
        handle.flush()
        os.fsync(handle.fileno())


def _sync(folder: Path) -> None:
    """Make what was renamed in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _told(action: str, path: Path) -> Iterator[None]:
    """What the system says, as an error that says where and what to do."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        hint = "make room there; earlier backups are untouched" if full else "check the folder's owner and rights"
        raise BackupError(f"cannot {action} {path}: {error.strerror}", hint=hint) from error
