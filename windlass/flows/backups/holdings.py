"""What is in the store: listing it with the reasons why each backup stays, letting old ones go, checking bytes again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from windlass import events
from windlass.errors import BackupError, RefusedError, UsageError
from windlass.flows.backups.picking import pick
from windlass.flows.backups.recovery_parts import check_of
from windlass.flows.backups.store_opening import open_store
from windlass.flows.backups.vault import Vault, open_vault
from windlass.plans.retention import CLOCKS_MAY_DIFFER, Decision, retention
from windlass.stores.manifest import Pin, Proof
from windlass.stores.published import Stored

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Backup
    from windlass.stores.store import Store


@dataclass(frozen=True, slots=True)
class Pruned:
    """What retention came to: how many stay, which were (or would be) removed, and which could not be, with why."""

    kept: int = 0
    dropped: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Holding:
    """The backups of one database in one store: what there is, and what retention thinks of each, by id.

    `failure` says why the store could not be read; then nothing is known.
    """

    name: str
    store: str
    place: str
    backups: tuple[Stored, ...]
    decisions: Mapping[str, Decision]
    unreadable: Mapping[str, str]
    newest: Stored | None
    failure: str = ""

    def age(self, now: datetime) -> timedelta | None:
        """How old the data of the newest good backup is; None where there is no good one."""
        return now - self.newest.manifest.taken if self.newest else None


@dataclass(frozen=True, slots=True)
class Verified:
    """What checking a stored backup came to. `decoded` is False where only the checksum could be looked at: it is encrypted."""

    name: str
    id: str
    raw_bytes: int
    stored_bytes: int
    seconds: float
    decoded: bool = True


def holding(workspace: Workspace, entry: Backup) -> Holding:
    """Read the store; only one on another host asks that host."""
    store = open_store(workspace, entry)
    try:
        listing = store.listing(entry.name)
    except BackupError as error:
        return Holding(entry.name, entry.store, store.place, (), {}, {}, None, error.message)
    decisions = {decision.id: decision for decision in _decided(listing.backups, entry)}
    return Holding(entry.name, entry.store, store.place, listing.backups, decisions, listing.unreadable, listing.newest())


def prune(workspace: Workspace, entry: Backup, *, check: bool = False, listener: events.Listener = events.nobody) -> Pruned:
    """Remove what no rule keeps, or with `check` only say what that is. Raises RefusedError if another run is at these backups."""
    if check:
        found = _decided(open_store(workspace, entry).listing(entry.name).backups, entry)
        return Pruned(sum(each.keep for each in found), {each.id: each.reasons for each in found if not each.keep})
    with open_vault(workspace, entry, listener) as vault:
        vault.hold(f"prune the backups of {entry.name}")
        return prune_held(vault.store, entry, listener)


def prune_held(store: Store, entry: Backup, listener: events.Listener) -> Pruned:
    """Remove what no rule keeps, oldest first. What cannot be removed is told and left: that fails no backup."""
    dropped, failed, kept = {}, {}, 0
    for decision in _decided(store.listing(entry.name).backups, entry):
        if decision.keep:
            kept += 1
            continue
        try:
            store.remove(entry.name, decision.id)
        except RefusedError as error:
            kept += 1
            listener(events.Note(error.message))
        except BackupError as error:
            failed[decision.id] = error.message
            listener(events.Note(f"an old backup stays for now: {error.message}", warning=True))
        else:
            dropped[decision.id] = decision.reasons
    return Pruned(kept, dropped, failed)


def _decided(backups: tuple[Stored, ...], entry: Backup) -> tuple[Decision, ...]:
    return retention((each.candidate() for each in backups), entry.keep, datetime.now(UTC) + CLOCKS_MAY_DIFFER)


def pin(workspace: Workspace, entry: Backup, backup: str, *, reason: str = "", off: bool = False) -> Stored:
    """Have the backup whose id begins with `backup` stay whatever the policy says, or with `off` no longer.

    Raises UsageError when none or several fit, RefusedError for one that is to stay and is not good, BackupError.
    """
    if not backup:
        raise UsageError("which backup?", hint="say --backup with the beginning of its id: invoke backup.list")
    store = open_store(workspace, entry)
    stored = pick(store, entry, backup, damaged=off)
    wish = None if off else Pin(at=datetime.now(UTC), operator=workspace.operator, reason=reason)
    store.set_pin(entry.name, stored.id, wish)
    return replace(stored, pin=wish)


def verify(
    workspace: Workspace, entry: Backup, backup: str = "", listener: events.Listener = events.nobody, *, identity: str = ""
) -> Verified:
    """Check a stored backup's bytes again, and decode them on the database's host. The result is kept beside the backup.

    Without the file `identity` of the private key only the checksum of an encrypted one can be looked at.

    A wrong checksum, or a part that is missing, marks it as bad: it fills no slot any more and is not restored, until it is
    verified again by its id, and is good. Anything else that goes wrong says nothing about the backup and changes nothing.
    Raises BackupError, HostError.
    """
    with open_vault(workspace, entry, listener, identity) as vault:
        vault.hold(f"verify a backup of {entry.name}")
        stored = vault.pick(backup, damaged=True)
        began, parts = time.monotonic(), stored.manifest.parts
        decoded = bool(identity) or not stored.manifest.recipients
        with vault.reading(stored, f"verify a backup of {entry.name}"):
            with vault.timer.step("checksum"):
                damaged = stored.lacking or [name for name, part in parts.items() if vault.digest(stored, name) != part.sha256]
            if decoded and not damaged:
                _decode(vault, stored)
        spent = round(time.monotonic() - began, 3)
        vault.store.add_proof(entry.name, _proof(workspace, entry, stored, spent, whole=not damaged))
    if damaged:
        where = f"{vault.store.place}/{entry.name}/{stored.id}/{damaged[0]}"
        how = "is missing or cut off" if stored.lacking else "has another checksum"
        raise BackupError(f"{stored.id} is damaged: {where} {how}", hint="restore from another one, and make a new one")
    return Verified(entry.name, stored.id, stored.manifest.raw_bytes, stored.manifest.stored_bytes, spent, decoded)


def _decode(vault: Vault, stored: Stored) -> None:
    """Each part to its end, on the database's host. Raises HostError, BackupError."""
    with vault.timer.step("decode", [vault.entry.host]):
        for name, part in stored.manifest.parts.items():
            with vault.content(stored, name) as content:
                vault.run(check_of(name, part.kind, content))


def _proof(workspace: Workspace, entry: Backup, stored: Stored, spent: float, *, whole: bool) -> Proof:
    return Proof(
        kind="verify",
        backup=stored.id,
        at=datetime.now(UTC),
        passed=whole,
        operator=workspace.operator,
        host=entry.host,
        seconds={"verify": spent},
        failure="" if whole else "the checksum differs",
    )
