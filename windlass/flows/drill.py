"""Proving a backup: restored into a scratch server, compared with what its snapshot held, measured, written down."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from windlass import events
from windlass.errors import BackupError, OperationFailed, RefusedError
from windlass.flows.recovery_parts import unpacking
from windlass.flows.vault import Vault, open_vault
from windlass.operations.database import Databases
from windlass.operations.drill import Drill
from windlass.plans.restoration import differences, drill_room
from windlass.stores.manifest import Proof

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Backup
    from windlass.stores.manifest import Stored


@dataclass(frozen=True, slots=True)
class Drilled:
    """A drill that was passed: the backup, and the proof that was written beside it."""

    name: str
    proof: Proof


def drill(
    workspace: Workspace, entry: Backup, *, backup: str = "", identity: str = "", listener: events.Listener = events.nobody
) -> Drilled:
    """Restore a backup (the newest good one if empty) into a scratch server on the database's host, and measure.

    Passed means: every table has the rows that the snapshot had, every smoke question gave true, and of folders and the like as
    many entries came back as went in. Either way the
    result is kept beside the backup; what was interrupted proves nothing and is not kept. Nothing stays on the host.
    Raises BackupError for a drill that was not passed, RefusedError (lock, room), UsageError and HostError.
    """
    began = time.monotonic()
    with open_vault(workspace, entry, listener, identity) as vault:
        vault.hold(f"drill a backup of {entry.name}")
        stored = vault.pick(backup)
        started = datetime.now(UTC)
        try:
            data = _database(vault, stored) if stored.manifest.database else {}
            parts = _parts(vault, stored)
        except OperationFailed as error:
            vault.store.add_proof(entry.name, _broken(vault, stored, started, error))
            raise
        proof = _proof(vault, stored, started, data, parts, (time.monotonic() - began) / 60)
        vault.store.add_proof(entry.name, proof)
    if not proof.passed:
        raise _not_passed(entry, proof)
    return Drilled(entry.name, proof)


def _database(vault: Vault, stored: Stored) -> Mapping[str, Any]:
    """What came of restoring the dump."""
    _make_sure_of_room(vault, stored)
    with vault.content(stored) as content, vault.timer.step("drill", [vault.entry.host]):
        operation = Drill(content=content, source=stored.manifest.source, smoke=vault.entry.smoke)
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


def _proof(
    vault: Vault,
    stored: Stored,
    started: datetime,
    data: Mapping[str, Any],
    parts: Mapping[str, Mapping[str, Any]],
    minutes: float,
) -> Proof:
    tables: Mapping[str, int] = data.get("tables", {})
    wrong = differences(stored.manifest.tables, tables)
    smoke = tuple((question, answer) for question, answer in data.get("smoke", ()))
    return _begun(vault, stored, started).model_copy(
        update={
            "passed": not wrong and all(answer == "true" for _question, answer in smoke),
            "seconds": {**data.get("seconds", {}), **{name: each["seconds"] for name, each in parts.items()}},
            "rto_minutes": round(minutes, 3),
            "tables": len(tables),
            "rows": sum(tables.values()),
            "differences": wrong,
            "smoke": smoke,
            "parts": {name: each["entries"] for name, each in parts.items()},
            "server_version": data.get("server_version", ""),
        }
    )


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
