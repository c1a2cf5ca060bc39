"""Backups in a folder on the controller: `<folder>/<name>/<id>/`, everything for the owner alone.

A draft is `.partial-<id>`, a removal under way `.removing-<id>`; one rename(2) makes the former a backup and a backup the latter.
"""

from __future__ import annotations

import contextlib
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
from windlass.stores.safe_files import digest_of, private, sync, told, write_whole
from windlass.stores.signature import Signatures
from windlass.stores.store import SWEPT_AFTER, Runner
from windlass.stores.wanted import ReadLock, is_wish, stays

PARTIAL, REMOVING = ".partial-", ".removing-"


@dataclass(frozen=True, slots=True)
class _PartWriter:
    handle: BinaryIO
    path: Path

    def write(self, chunk: bytes | memoryview) -> None:
        with told("write", self.path):
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
        with told("write", path), private(path) as handle:
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
        with told("read", self.folder / part):
            behind.whole()
        self.behind[part] = behind

    def local(self, name: str) -> Path:
        return self.folder / name

    def digest(self, part: str, _size: int, _run: Runner) -> str:
        with told("read", self.folder / part):
            followed = self.behind[part].sha256() if part in self.behind else ""
        return followed or digest_of(self.folder / part)

    def publish(self, manifest: Manifest, instructions: str) -> Stored:
        files = {INSTRUCTIONS: instructions.encode(), MANIFEST: written(manifest).encode()}
        if self.signatures:
            files |= self.signatures.sign(files[MANIFEST])
        for name, content in files.items():
            with self.part(name) as writer:
                writer.write(content)
        with told("publish", self.final):
            sync(self.folder)
            self.folder.rename(self.final)
            sync(self.final.parent)
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
        with told("make", draft):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            home.mkdir(mode=0o700, exist_ok=True)
            draft.mkdir(mode=0o700)
            sync(self.folder)
        return DirectoryDraft(draft, home / backup_id, self.signatures)

    def listing(self, name: str) -> Listing:
        backups, unreadable = [], {}
        for folder in self._folders(name):
            try:
                backups.append(_read(folder, Reader(self.signatures, self.environment)))
            except (BackupError, OSError) as error:
                if folder.is_dir():  # or it was let go meanwhile
                    unreadable[folder.name] = error.message if isinstance(error, BackupError) else str(error.strerror)
        return Listing(tuple(sorted(backups, key=lambda each: (each.manifest.taken, each.id))), unreadable)

    def source(self, name: str, backup_id: str, part: str) -> Path:
        path = self.folder / name / backup_id / part
        if not path.is_file():
            raise BackupError(f"{path} is not there", hint="the backup is not whole: choose another one, of invoke backup.list")
        return path

    def digest(self, name: str, backup_id: str, part: str, _size: int, _run: Runner) -> str:
        return digest_of(self.source(name, backup_id, part))

    def add_proof(self, name: str, proof: Proof) -> None:
        file, content = proof_file(proof, self.signatures)
        write_whole(self.folder / name / proof.backup / file, content)

    def set_pin(self, name: str, backup_id: str, pin: Pin | None) -> None:
        path = self.folder / name / backup_id / PIN
        if pin is not None:
            write_whole(path, written(pin).encode())
            return
        with told("remove", path):
            path.unlink(missing_ok=True)
            sync(path.parent)

    def lock(self, name: str, lock: ReadLock) -> None:
        write_whole(self.folder / name / lock.backup / lock.file, written(lock).encode())

    def unlock(self, name: str, lock: ReadLock) -> None:
        path = self.folder / name / lock.backup / lock.file
        with told("remove", path):
            path.unlink(missing_ok=True)

    def remove(self, name: str, backup_id: str) -> None:
        home = self.folder / name
        there, going = home / backup_id, home / f"{REMOVING}{backup_id}"
        with told("remove", there):
            _refuse_wanted(backup_id, there)
            there.rename(going)
            try:
                _refuse_wanted(backup_id, going)
            except RefusedError:
                going.rename(there)
                raise
            sync(home)
            shutil.rmtree(going)

    def sweep(self, name: str, now: datetime) -> tuple[str, ...]:
        swept = []
        home = self.folder / name
        with told("read", home):
            left = [*home.glob(f"{PARTIAL}*"), *home.glob(f"{REMOVING}*")]
        for folder in left:
            if now.timestamp() - _last_touched(folder) > SWEPT_AFTER.total_seconds():
                shutil.rmtree(folder, ignore_errors=True)
                swept.append(folder.name)
        return tuple(swept)

    def _folders(self, name: str) -> list[Path]:
        home = self.folder / name
        with told("read", home):
            if not home.is_dir():
                return []
            return [each for each in home.iterdir() if each.is_dir() and not each.name.startswith(".")]


def _refuse_wanted(backup_id: str, folder: Path) -> None:
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # a lock that is given back at this moment
            if is_wish(path.name, timedelta(seconds=time.time() - path.stat().st_mtime)):
                raise stays(backup_id, path.name, path.read_bytes())


def _read(folder: Path, reader: Reader) -> Stored:
    sizes, files = {}, {}
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # a lock or a pin that is taken away at this moment
            sizes[path.name] = path.stat().st_size
            if is_small(path.name):
                files[path.name] = path.read_bytes()
    return reader.stored(folder.name, files, sizes)


def _last_touched(folder: Path) -> float:
    """When anything in it was last written, in seconds since 1970; a long backup may still be at work."""
    times = [folder.stat().st_mtime]
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            times.append(path.stat().st_mtime)
    return max(times)
