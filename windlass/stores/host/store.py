"""Backups in a folder of another host: `<root>/<name>/<id>/`, the manifest last, then one rename; readers trust manifests alone."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from windlass.errors import BackupError
from windlass.operations.operation import Operation
from windlass.operations.stored import (
    BeginDraft,
    DiscardDraft,
    DropRecord,
    FinishPart,
    HashStored,
    ListStored,
    PublishDraft,
    ReadStored,
    Receive,
    RemoveStored,
    SweepStored,
    WriteRecord,
)
from windlass.stores.host.delivery import HostDelivery, expectation
from windlass.stores.host.line import Line
from windlass.stores.host.source import HostSource
from windlass.stores.manifest import INSTRUCTIONS, MANIFEST, PIN, Manifest, Pin, Proof, written
from windlass.stores.proofs import proof_file
from windlass.stores.published import Listing, Stored
from windlass.stores.reading import Reader, is_small
from windlass.stores.signature import Signatures
from windlass.stores.store import SWEPT_AFTER, Runner
from windlass.stores.wanted import READ_LOCK, ReadLock, stays

PARTIAL = ".partial-"


@dataclass(frozen=True, slots=True)
class HostDraft:
    """A draft on another host; see `Draft`."""

    store: HostStore
    name: str
    id: str

    @contextlib.contextmanager
    def delivery(self, part: str) -> Iterator[HostDelivery]:
        store, root, name = self.store, self.store.root, self.name
        with store.line() as run:
            run(Receive(root=root, name=name, id=self.id, part=part, address=store.address, port=store.port))
            yield HostDelivery(
                part,
                store.receiver,
                lambda piece: _nothing(run(expectation(root, name, piece))),
                lambda: run(FinishPart(root=root, name=name, id=self.id, part=part)),
            )

    def local(self, name: str) -> Path:
        raise BackupError(f"{name} is in {self.store.place}, not on this machine", hint="only encrypted backups go there")

    def digest(self, part: str, size: int, run: Runner) -> str:
        return self.store.digest(self.name, PARTIAL + self.id, part, size, run)

    def publish(self, manifest: Manifest, instructions: str) -> Stored:
        store = self.store
        text = written(manifest).encode()
        files = {INSTRUCTIONS: instructions.encode()} | (store.signatures.sign(text) if store.signatures else {})
        with store.line() as run:
            for file, content in {**files, MANIFEST: text}.items():
                run(store.record(self.name, PARTIAL + self.id, file, content))
            run(PublishDraft(root=store.root, name=self.name, id=self.id))
        return Stored(manifest, signed=store.signatures is not None)

    def discard(self) -> None:
        with contextlib.suppress(BackupError):
            self.store.do(DiscardDraft(root=self.store.root, name=self.name, id=self.id))


@dataclass(frozen=True, slots=True)
class HostStore:
    """A store in a folder of another host; see `Store`.

    address   where the databases' hosts reach it, at `port` while a part arrives
    """

    host: str
    root: str
    address: str
    port: int
    line: Line
    signatures: Signatures | None = None
    environment: str = ""

    @property
    def place(self) -> str:
        return f"{self.host}:{self.root}"

    @property
    def receiver(self) -> str:
        """The address of what takes parts in."""
        return f"http://{f'[{self.address}]' if ':' in self.address else self.address}:{self.port}"

    def do(self, operation: Operation) -> Mapping[str, object]:
        """One operation, over a link of its own."""
        with self.line() as run:
            return run(operation)

    def record(self, name: str, folder: str, file: str, content: bytes) -> WriteRecord:
        """The operation that writes a small file."""
        text = base64.b64encode(content).decode()
        return WriteRecord(root=self.root, name=name, folder=folder, file=file, content=text)

    def begin(self, name: str, backup_id: str) -> HostDraft:
        self.do(BeginDraft(root=self.root, name=name, id=backup_id))
        return HostDraft(self, name, backup_id)

    def listing(self, name: str) -> Listing:
        backups, unreadable = [], {}
        files, sizes = self._files(name)
        for backup_id, small in files.items():
            try:
                backups.append(Reader(self.signatures, self.environment).stored(backup_id, small, sizes[backup_id]))
            except BackupError as error:
                unreadable[backup_id] = error.message
        return Listing(tuple(sorted(backups, key=lambda each: (each.manifest.taken, each.id))), unreadable)

    def source(self, name: str, backup_id: str, part: str) -> HostSource:
        reading = ReadStored(root=self.root, name=name, folder=backup_id, part=part)
        return HostSource(self.line, reading, f"{self.place}/{name}/{backup_id}/{part}")

    def digest(self, name: str, backup_id: str, part: str, _size: int, _run: Runner) -> str:
        """The host that stores it reads it."""
        return str(self.do(HashStored(root=self.root, name=name, folder=backup_id, part=part))["sha256"])

    def add_proof(self, name: str, proof: Proof) -> None:
        file, content = proof_file(proof, self.signatures)
        self.do(self.record(name, proof.backup, file, content))

    def set_pin(self, name: str, backup_id: str, pin: Pin | None) -> None:
        if pin is None:
            self.do(DropRecord(root=self.root, name=name, folder=backup_id, file=PIN))
        else:
            self.do(self.record(name, backup_id, PIN, written(pin).encode()))

    def lock(self, name: str, lock: ReadLock) -> None:
        self.do(self.record(name, lock.backup, lock.file, written(lock).encode()))

    def unlock(self, name: str, lock: ReadLock) -> None:
        self.do(DropRecord(root=self.root, name=name, folder=lock.backup, file=lock.file))

    def remove(self, name: str, backup_id: str) -> None:
        removal = RemoveStored(
            root=self.root, name=name, id=backup_id, pin=PIN, lock=READ_LOCK, lock_seconds=SWEPT_AFTER.total_seconds()
        )
        told = self.do(removal)
        if told:
            raise stays(backup_id, str(told["file"]), base64.b64decode(str(told["content"])))

    def sweep(self, name: str, now: datetime) -> tuple[str, ...]:
        ahead = max(0.0, (now - datetime.now(UTC)).total_seconds())
        sweeping = SweepStored(root=self.root, name=name, older_than=SWEPT_AFTER.total_seconds(), ahead=ahead)
        swept = self.do(sweeping)["swept"]
        return tuple(map(str, swept)) if isinstance(swept, list) else ()

    def _files(self, name: str) -> tuple[Mapping[str, dict[str, bytes]], Mapping[str, dict[str, int]]]:
        """By the backup's id what is in its small files, and how big all of them are."""
        came = bytearray()
        with self.line() as run:
            run(ListStored(root=self.root, name=name), lambda _stream, chunk: came.extend(chunk))
        found: dict[str, dict[str, bytes]] = {}
        sizes: dict[str, dict[str, int]] = {}
        for line in came.splitlines():
            entry = json.loads(line)
            files, bytes_of = found.setdefault(entry["id"], {}), sizes.setdefault(entry["id"], {})
            if "file" in entry:
                bytes_of[entry["file"]] = entry["bytes"]
            if is_small(entry.get("file", "")):
                files[entry["file"]] = base64.b64decode(entry["content"])
        return found, sizes


def _nothing(_told: object) -> None:
    """What a host says to a piece that it expects is nothing that matters."""
