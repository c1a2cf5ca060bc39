"""What all flows with backups share: the store, the line to the database's host, and the lock."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from windlass import events
from windlass.errors import AgentFailed, BackupError, ConnectionFailed, HostError, OperationFailed, RefusedError, UsageError
from windlass.flows.backups.picking import passed_over, pick
from windlass.flows.backups.store_opening import open_store
from windlass.flows.steps import LOCK_WAIT, Timer, all_of
from windlass.hosts.channel import no_answer
from windlass.operations.lease import Lease
from windlass.operations.operation import LocalFile, Operation
from windlass.operations.wire import Batch
from windlass.stores.encryption import check_identity, decrypted, identities
from windlass.stores.manifest import DUMP, stamp
from windlass.stores.published import Stored
from windlass.stores.wanted import READ_LOCK, ReadLock

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.hosts.agent.results import Result
    from windlass.hosts.channel import Answerer, Sink
    from windlass.hosts.many.fleet import Fleet
    from windlass.inventory import Backup, Environment
    from windlass.stores.store import Store


@dataclass(frozen=True, slots=True)
class Vault:
    """The backups of one database, with the way to it. `identity` is a file with private keys, for those that are encrypted."""

    workspace: Workspace
    entry: Backup
    store: Store
    fleet: Fleet
    listener: events.Listener
    timer: Timer
    identity: str = ""

    def run(self, *operations: Operation, sink: Sink | None = None, answer: Answerer = no_answer) -> tuple[Result, ...]:
        """Run operations on the database's host. Raises HostError, and whatever `sink` raises; then the line is cut, so that the
        host stops sending."""
        batch = Batch(operations, secrets=tuple(self.workspace.secrets_of_hosts()))
        host = self.entry.host

        def work(name: str) -> tuple[Result, ...]:
            try:
                results = self.fleet.channel(name).run(batch, sink, answer)
            except HostError as error:
                self.listener(events.HostEnded(name, error.message))
                raise
            except BaseException:
                self.fleet.drop(name)
                raise
            self.listener(events.HostEnded(name))
            return results

        return all_of(self.fleet.each([host], work))[host]

    def ask(self, operation: Operation, answer: Answerer) -> Mapping[str, Any]:
        """What one operation on the database's host gives, whose questions are answered; see `Runner`. Raises as `run`."""
        return self.run(operation, answer=answer)[0].data

    def hold(self, purpose: str) -> None:
        """Keep others from these backups until the vault is closed. Raises RefusedError if somebody is at them already.

        Of one that comes back on another host its own is held as well: who makes backups there, or lets old ones go, asks that.
        """
        what = f"{purpose}, environment {self.workspace.environment.name}"
        lease = Lease(name=f"backup-{self.entry.name}", holder=self.workspace.operator, purpose=what, wait_seconds=LOCK_WAIT)
        home = own_host(self.workspace.environment, self.entry)
        elsewhere = home != self.entry.host
        self.fleet.call([home] if elsewhere else [])
        try:
            self.run(lease)
            if elsewhere:
                self._hold_at_home(home, lease)
        except OperationFailed as error:
            raise RefusedError(error.message, host=error.host, hint=error.hint) from error

    def _hold_at_home(self, home: str, lease: Lease) -> None:
        """It may be lost, which is why one comes back elsewhere: that is told, and holds up nothing. Raises OperationFailed."""
        try:
            self.fleet.channel(home).run(Batch((lease,)))
        except (ConnectionFailed, AgentFailed) as error:
            what = f"nobody can say whether backups of {self.entry.name} are made or let go meanwhile: {error.message}"
            self.listener(events.Note(what, home, warning=True))

    def pick(self, wanted: str, *, damaged: bool = False) -> Stored:
        """The same as `pick`; what is passed over is told, and one that is older than signatures are."""
        stored = pick(self.store, self.entry, wanted, damaged=damaged)
        for said in () if wanted else passed_over(self.store.listing(self.entry.name), stored):
            self.listener(events.Note(said, warning=True))
        if not stored.signed:
            self.listener(events.Note(f"{stored.id} is not signed: nobody can tell whether its manifest was changed", warning=True))
        return stored

    @contextmanager
    def reading(self, stored: Stored, purpose: str) -> Iterator[None]:
        """Have whoever made this backup leave it while the block reads it. Of our own, `hold` has made sure of that already.

        Where we may not write beside it, that is told. Raises BackupError if it is gone by now.
        """
        if not stored.foreign:
            yield
            return
        lock = self._lock_of(stored, purpose)
        try:
            self.store.lock(self.entry.name, lock)
        except BackupError as error:
            if stored.id not in [each.id for each in self.store.listing(self.entry.name).backups]:
                gone = f"{stored.id} of the environment {stored.foreign} was let go just now; nothing was changed"
                raise BackupError(gone, hint="choose another one, of invoke backup.list") from error
            told = f"nobody keeps the environment {stored.foreign} from letting {stored.id} go meanwhile: {error.message}"
            self.listener(events.Note(told, warning=True))
        try:
            yield
        finally:
            with suppress(BackupError):  # it counts for a day only
                self.store.unlock(self.entry.name, lock)

    def _lock_of(self, stored: Stored, purpose: str) -> ReadLock:
        now = datetime.now(UTC)
        return ReadLock(
            backup=stored.id,
            at=now,
            operator=self.workspace.operator,
            purpose=f"{purpose}, environment {self.workspace.environment.name}",
            file=f"{READ_LOCK}{stamp(now)}-{secrets.token_hex(3)}.json",
        )

    def kept(self, stored: Stored, part: str = "") -> LocalFile:
        """A part of a backup (the dump if empty) as it is stored; its checksum is the manifest's. Raises BackupError."""
        manifest = stored.manifest
        file = part or manifest.part(DUMP)
        source = self.store.source(self.entry.name, stored.id, file)
        if not isinstance(source, Path):
            raise BackupError(f"{source} is not encrypted, and not on this machine", hint="fetch it as its RESTORE.md says")
        return LocalFile(source, manifest.parts[file].sha256, manifest.parts[file].stored_bytes)

    def digest(self, stored: Stored, part: str) -> str:
        """The SHA-256 of what is stored of a part, read to its end. Raises BackupError, HostError."""
        size = stored.manifest.parts[part].stored_bytes
        return self.store.digest(self.entry.name, stored.id, part, size, self.ask)

    @contextmanager
    def content(self, stored: Stored, part: str = "") -> Iterator[LocalFile]:
        """A part of a backup (the dump if empty) to be sent to the host, once; an encrypted one is decrypted on the way.

        Raises UsageError without the private key that it needs, BackupError for what cannot be read.
        """
        manifest = stored.manifest
        if not manifest.recipients:
            yield self.kept(stored, part)
            return
        if not self.identity:
            who = " or ".join(manifest.recipients)
            raise UsageError(
                f"{stored.id} is encrypted to {who}",
                hint="say --identity FILE (or set WINDLASS_AGE_IDENTITY_FILE), see docs/backup.md",
            )
        path = Path(self.identity).expanduser()
        keys = identities(path)
        file = part or manifest.part(DUMP)
        source = self.store.source(self.entry.name, stored.id, file)
        check_identity(path, keys, source, manifest.recipients)
        plain = manifest.parts[file]
        with decrypted(source, keys) as pipe:
            yield LocalFile(pipe, plain.plain_sha256, plain.plain_bytes)


@contextmanager
def open_vault(workspace: Workspace, entry: Backup, listener: events.Listener, identity: str = "") -> Iterator[Vault]:
    """The vault, with its line to the host, for as long as the block lasts."""
    hosts = dict.fromkeys((entry.host, own_host(workspace.environment, entry)))
    with workspace.fleet(hosts, listener) as fleet:
        yield Vault(workspace, entry, open_store(workspace, entry, listener), fleet, listener, Timer(listener), identity)


def own_host(environment: Environment, entry: Backup) -> str:
    """The host that these backups are of, though one may be coming back on another; see `entry_on`."""
    return environment.backups.get(entry.name, entry).host


def entry_on(environment: Environment, entry: Backup, host: str) -> Backup:
    """The same backup, to come back on another host (its own if empty).

    Raises UsageError for a host that the inventory does not have.
    """
    return entry.model_copy(update={"host": environment.host(host).name}) if host else entry


def chosen_backups(environment: Environment, name: str = "") -> tuple[Backup, ...]:
    """The named one, or all that the environment has. Raises UsageError."""
    if name:
        return (environment.backup(name),)
    if not environment.backups:
        raise UsageError(f"{environment.name} has no backups", hint="describe one below `backups:`, see docs/inventory.md")
    return tuple(environment.backups.values())


def chosen_places(environment: Environment, name: str = "", store: str = "") -> tuple[Backup, ...]:
    """The same, once for each store that it goes to, or for the named store alone. Raises UsageError."""
    every = [each for entry in chosen_backups(environment, name) for each in entry.each_store()]
    found = tuple(each for each in every if store in ("", each.store))
    if not found:
        known = ", ".join(dict.fromkeys(each.store for each in every))
        raise UsageError(f"{name or environment.name} has no backups in {store!r}", hint=f"stores: {known}")
    return found


def chosen_backup(environment: Environment, name: str = "", store: str = "") -> Backup:
    """The named one, or the only one, in the named store, or in the first one. Raises UsageError."""
    found = chosen_backups(environment, name)
    if len(found) > 1:
        raise UsageError("which backup?", hint=f"say --name {' or --name '.join(each.name for each in found)}")
    return chosen_places(environment, found[0].name, store)[0]
