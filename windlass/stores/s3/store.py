"""Backups in a bucket: `<prefix>/<name>/<id>/`, the manifest last; whoever reads trusts manifests alone."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from windlass.errors import BackupError, RefusedError
from windlass.operations.delivery import ReadBack
from windlass.stores.manifest import INSTRUCTIONS, MANIFEST, PIN, Manifest, Pin, Proof, is_id, written
from windlass.stores.proofs import proof_file
from windlass.stores.published import Listing, Stored
from windlass.stores.reading import Reader, is_small
from windlass.stores.s3.bucket import Bucket, Found
from windlass.stores.s3.delivery import S3Delivery
from windlass.stores.s3.instructions import fetching
from windlass.stores.s3.source import S3Source
from windlass.stores.signature import Signatures
from windlass.stores.store import SWEPT_AFTER, Runner
from windlass.stores.wanted import ReadLock, is_wish, stays


@dataclass(frozen=True, slots=True)
class S3Draft:
    """A draft in a bucket; see `Draft`. Without its manifest nobody takes it for a backup."""

    store: S3Store
    name: str
    id: str

    @contextlib.contextmanager
    def delivery(self, part: str) -> Iterator[S3Delivery]:
        store = self.store
        delivery = S3Delivery(store.bucket, store.key(self.name, self.id, part), store.storage_class, store.part_mib)
        try:
            yield delivery
        finally:
            with contextlib.suppress(BackupError):  # what cannot be given up now is swept later
                delivery.give_up()

    def local(self, name: str) -> Path:
        raise self.store.elsewhere(name)

    def digest(self, part: str, size: int, run: Runner) -> str:
        return self.store.digest(self.name, self.id, part, size, run)

    def publish(self, manifest: Manifest, instructions: str) -> Stored:
        store = self.store
        text = written(manifest).encode()
        files = {INSTRUCTIONS: (fetching(store.bucket, store.key(self.name, self.id, ""), manifest) + instructions).encode()}
        if store.signatures:
            files |= store.signatures.sign(text)
        for name, content in {**files, MANIFEST: text}.items():
            store.bucket.put(store.key(self.name, self.id, name), content)
        return Stored(manifest, signed=store.signatures is not None)

    def discard(self) -> None:
        with contextlib.suppress(BackupError):
            self.store.clear(self.name, self.id)


@dataclass(frozen=True, slots=True)
class S3Store:
    """A store in a bucket; see `Store`."""

    bucket: Bucket
    prefix: str = ""
    signatures: Signatures | None = None
    storage_class: str = ""
    part_mib: int | None = None
    environment: str = ""

    @property
    def place(self) -> str:
        return f"s3://{self.bucket.name}" + (f"/{self.prefix}" if self.prefix else "")

    def key(self, *names: str) -> str:
        return "/".join((self.prefix, *names) if self.prefix else names)

    def elsewhere(self, part: str) -> BackupError:
        """What to say to somebody who wants a file on this machine."""
        return BackupError(f"{part} is in {self.place}, not on this machine", hint="only encrypted backups go there")

    def begin(self, name: str, backup_id: str) -> S3Draft:
        return S3Draft(self, name, backup_id)

    def listing(self, name: str) -> Listing:
        backups, unreadable = [], {}
        for backup_id, found in self._folders(name).items():
            if MANIFEST not in found:
                continue
            try:
                files = {each: self.bucket.get(one.key) for each, one in found.items() if is_small(each)}
                sizes = {each: one.size for each, one in found.items()}
                backups.append(Reader(self.signatures, self.environment).stored(backup_id, files, sizes))
            except BackupError as error:
                unreadable[backup_id] = error.message
        return Listing(tuple(sorted(backups, key=lambda each: (each.manifest.taken, each.id))), unreadable)

    def source(self, name: str, backup_id: str, part: str) -> S3Source:
        return S3Source(self.bucket, self.key(name, backup_id, part))

    def digest(self, name: str, backup_id: str, part: str, size: int, run: Runner) -> str:
        """The database's host reads it, from an address that is signed here."""
        key = self.key(name, backup_id, part)
        told = run(ReadBack(part=part, bytes=size), lambda _question: {"url": self.bucket.address_to_read(key)})
        return str(told["sha256"])

    def add_proof(self, name: str, proof: Proof) -> None:
        file, content = proof_file(proof, self.signatures)
        self.bucket.put(self.key(name, proof.backup, file), content)

    def set_pin(self, name: str, backup_id: str, pin: Pin | None) -> None:
        if pin is None:
            self.bucket.delete(self.key(name, backup_id, PIN))
        else:
            self._want(name, backup_id, PIN, written(pin))

    def lock(self, name: str, lock: ReadLock) -> None:
        self._want(name, lock.backup, lock.file, written(lock))

    def unlock(self, name: str, lock: ReadLock) -> None:
        self.bucket.delete(self.key(name, lock.backup, lock.file))

    def _want(self, name: str, backup_id: str, file: str, text: str) -> None:
        """Write down that somebody wants a backup, and make sure that it is still one."""
        self.bucket.put(self.key(name, backup_id, file), text.encode())
        if self.bucket.size(self.key(name, backup_id, MANIFEST)) is None:
            self.bucket.delete(self.key(name, backup_id, file))
            raise BackupError(f"{backup_id} is not in {self.place} any more", hint="choose another one, of invoke backup.list")

    def remove(self, name: str, backup_id: str) -> None:
        manifest = self.key(name, backup_id, MANIFEST)
        content = self.bucket.get(manifest) if manifest in self._keys_unless_wanted(name, backup_id) else b""
        self.bucket.delete(manifest)
        try:
            self._keys_unless_wanted(name, backup_id)
        except RefusedError:
            if content:
                self.bucket.put(manifest, content)
            raise
        self.clear(name, backup_id)

    def clear(self, name: str, backup_id: str) -> None:
        """Delete all that lies there, whoever wants it: a draft, or what is left of a backup. The manifest goes first."""
        keys = [each.key for each in self.bucket.objects(self.key(name, backup_id, ""))]
        for key in sorted(keys, key=lambda each: not each.endswith(f"/{MANIFEST}")):
            self.bucket.delete(key)

    def _keys_unless_wanted(self, name: str, backup_id: str) -> list[str]:
        """All that lies there of a backup. Raises RefusedError if somebody wants it."""
        found = list(self.bucket.objects(self.key(name, backup_id, "")))
        for each in found:
            file = each.key.rpartition("/")[2]
            if is_wish(file, datetime.now(UTC) - each.at):
                raise stays(backup_id, file, self.bucket.get(each.key))
        return [each.key for each in found]

    def sweep(self, name: str, now: datetime) -> tuple[str, ...]:
        """What is not called as our backups are is somebody else's, and stays."""
        swept = []
        home = self.key(name, "")
        for upload in self.bucket.uploads(home):
            file = upload.key.removeprefix(home)
            if is_id(file.partition("/")[0]) and now - upload.at > SWEPT_AFTER:
                self.bucket.abort(upload.key, upload.upload)
                swept.append(file)
        for backup_id, found in sorted(self._folders(name).items()):
            left = is_id(backup_id) and MANIFEST not in found
            if left and now - max(each.at for each in found.values()) > SWEPT_AFTER:
                self.clear(name, backup_id)
                swept.append(backup_id)
        return tuple(swept)

    def _folders(self, name: str) -> Mapping[str, dict[str, Found]]:
        """By the backup's id what lies there, by file name."""
        home = self.key(name, "")
        found: dict[str, dict[str, Found]] = defaultdict(dict)
        for each in self.bucket.objects(home):
            backup_id, _, file = each.key.removeprefix(home).partition("/")
            if file:
                found[backup_id][file] = each
        return found
