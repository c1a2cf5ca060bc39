"""Proving a backup: restored into a scratch server, compared with what its snapshot held, measured, written down."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from windlass import events
from windlass.errors import BackupError, OperationFailed, RefusedError
from windlass.flows.backups.recovery_parts import unpacking
from windlass.flows.backups.vault import Vault, open_vault
from windlass.operations.database import Databases
from windlass.operations.drill import Drill
from windlass.plans.proving import Snapshot, Targets, deviations, missed, weaknesses
from windlass.plans.restoration import drill_room
from windlass.stores.manifest import Proof

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Backup
    from windlass.stores.manifest import Manifest
    from windlass.stores.published import Stored


@dataclass(frozen=True, slots=True)
class Drilled:
    """A drill that was passed: the backup, and the proof that was written beside it."""

    name: str
    proof: Proof


def drill(
    workspace: Workspace, entry: Backup, *, backup: str = "", identity: str = "", listener: events.Listener = events.nobody
) -> Drilled:
    """Restore a backup (the newest good one if empty) into a scratch server on the database's host, and measure.

    Passed means: every table has the rows that the snapshot had (the smaller ones compared by hash), pg_amcheck finds no
    damage, no sequence is behind its column that was not before, every smoke question gave true, and of folders and the like
    as many entries came back as went in. Either way the result is kept beside the backup; what was interrupted proves nothing
    and is not kept. Nothing stays on the host.
    Raises BackupError for a drill that was not passed, or that was and missed a target, RefusedError (lock, room), UsageError
    and HostError.
    """
    began = time.monotonic()
    with open_vault(workspace, entry, listener, identity) as vault:
        vault.hold(f"drill a backup of {entry.name}")
        stored = vault.pick(backup)
        started = datetime.now(UTC)
        try:
            with vault.reading(stored, f"drill a backup of {entry.name}"):
                data = _database(vault, stored) if stored.manifest.database else {}
                parts = _parts(vault, stored)
        except OperationFailed as error:
            vault.store.add_proof(entry.name, _broken(vault, stored, started, error))
            raise
        newest = vault.store.listing(entry.name).newest()
        found = _Found(data, parts, time.monotonic() - began, newest=newest is not None and newest.id == stored.id)
        proof = _proof(vault, stored, started, found)
        vault.store.add_proof(entry.name, proof)
    if not proof.passed:
        raise _not_passed(entry, proof)
    if proof.missed:
        raise BackupError(
            f"{proof.backup} of {entry.name} is proven, but {proof.missed[0]}",
            host=entry.host,
            last_lines=proof.missed,
            hint="the result is kept beside the backup; back up more often, restore a smaller database, or set other targets",
        )
    return Drilled(entry.name, proof)


def _database(vault: Vault, stored: Stored) -> Mapping[str, Any]:
    """What came of restoring the dump."""
    _make_sure_of_room(vault, stored)
    with vault.content(stored) as content, vault.timer.step("drill", [vault.entry.host]):
        operation = Drill(
            content=content,
            source=stored.manifest.source,
            hashed=tuple(stored.manifest.hashes),
            smoke=vault.entry.smoke,
        )
        return vault.run(operation)[0].data


def _parts(vault: Vault, stored: Stored) -> Mapping[str, Mapping[str, Any]]:
    """What came of bringing each folder, the configuration and the Redis back, where nobody sees it and it does not stay."""
    found = {}
    for name, file in stored.manifest.extras.items():
        with vault.content(stored, file) as content, vault.timer.step(name, [vault.entry.host]):
            operation = unpacking(stored.manifest.parts[file], content, f"/passing/{name}", passing=True)
            found[name] = vault.run(operation)[0].data
    return found


def _make_sure_of_room(vault: Vault, stored: Stored) -> None:
    manifest = stored.manifest
    needed = drill_room(manifest.dump.raw_bytes, int(manifest.source["bytes"]))
    (seen,) = vault.run(Databases())
    free = seen.data["drill_free_bytes"]
    if free < needed:
        raise RefusedError(
            f"a drill of {stored.id} may need {needed >> 20} MiB on {vault.entry.host}, and {free >> 20} MiB are free",
            host=vault.entry.host,
            hint="make room in /var/lib/windlass; nothing was changed",
        )


@dataclass(frozen=True, slots=True)
class _Found:
    """What a drill came to: `data` of the database, `parts` of the rest, `seconds` of it all, and whether it was the newest."""

    data: Mapping[str, Any]
    parts: Mapping[str, Mapping[str, Any]]
    seconds: float
    newest: bool


def _proof(vault: Vault, stored: Stored, started: datetime, found: _Found) -> Proof:
    data, begun = found.data, _begun(vault, stored, started)
    dumped, restored = dumped_snapshot(stored.manifest), _restored_snapshot(data)
    damage: Sequence[str] | None = data.get("amcheck")
    wrong = deviations(dumped, restored, damage)
    smoke = tuple((question, answer) for question, answer in data.get("smoke", ()))
    parts = {name: each["seconds"] for name, each in found.parts.items()}
    spent: dict[str, float] = {**data.get("seconds", {}), **parts}
    took = found.seconds - spent.get("amcheck", 0.0)  # nobody waits for that in an emergency
    targets = Targets.of(vault.entry.rto, vault.entry.rpo)
    return begun.model_copy(
        update={
            "passed": not wrong and all(answer == "true" for _question, answer in smoke),
            "seconds": spent,
            "rto_minutes": round(took / 60, 3),
            "rto_target_minutes": targets.rto / 60,
            "rpo_target_minutes": targets.rpo / 60,
            "missed": missed(targets, took, begun.rpo_minutes * 60 if found.newest else None),
            "tables": len(restored.tables),
            "rows": sum(restored.tables.values()),
            "hashed": len(dumped.hashes.keys() & restored.hashes.keys()),
            "checks": _checks(data),
            "notes": weaknesses(dumped),
            "differences": wrong,
            "smoke": smoke,
            "parts": {name: each["entries"] for name, each in found.parts.items()},
            "server_version": data.get("server_version", ""),
        }
    )


def dumped_snapshot(manifest: Manifest) -> Snapshot:
    """What a manifest says of its database."""
    source = manifest.source
    behind, invalid = source.get("sequences_behind", ()), source.get("invalid_indexes", ())
    return Snapshot(manifest.tables, manifest.hashes, behind, invalid)


def _restored_snapshot(data: Mapping[str, Any]) -> Snapshot:
    return Snapshot(
        data.get("tables", {}), data.get("hashes", {}), data.get("sequences_behind", ()), data.get("invalid_indexes", ())
    )


def _checks(data: Mapping[str, Any]) -> dict[str, str]:
    if not data:
        return {}
    damage = data.get("amcheck")
    return {"amcheck": "not there" if damage is None else f"{len(damage)} lines of damage" if damage else "passed"}


def _begun(vault: Vault, stored: Stored, started: datetime) -> Proof:
    """What is known of a drill however it ends."""
    return Proof(
        kind="drill",
        backup=stored.id,
        at=started,
        passed=False,
        operator=vault.workspace.operator,
        host=vault.entry.host,
        rpo_minutes=round((started - stored.manifest.taken).total_seconds() / 60, 3),
    )


def _broken(vault: Vault, stored: Stored, started: datetime, error: OperationFailed) -> Proof:
    said = " ".join([error.message, *error.last_lines[-3:]])
    return _begun(vault, stored, started).model_copy(update={"failure": said})


def _not_passed(entry: Backup, proof: Proof) -> BackupError:
    lines = [*proof.differences, *(f"{question}: {answer}" for question, answer in proof.smoke if answer != "true")]
    return BackupError(
        f"{proof.backup} of {entry.name} could be restored, but is not what it should be: {lines[0]}",
        host=entry.host,
        last_lines=lines,
        hint="the result is kept beside the backup; drill an older one with --backup, and look at the database itself",
    )
