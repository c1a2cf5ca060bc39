"""Making a backup: dump to the store, read back and decode, publish, and only then let old ones go."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import windlass
from windlass import events
from windlass.errors import BackupError
from windlass.flows.holdings import Pruned, prune_held
from windlass.flows.vault import Vault, open_vault
from windlass.operations.database import Dump, DumpGlobals, VerifyDump
from windlass.operations.operation import LocalFile, Operation
from windlass.stores.instructions import instructions
from windlass.stores.manifest import DUMP, FORMAT, GLOBALS, SEALED_FORMAT, Manifest, Part, Stored, part_name, stamp

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Backup
    from windlass.stores.store import Draft

SOURCE = ("owner", "encoding", "collate", "ctype", "provider", "locale", "connection_limit", "access", "settings")
SOURCE_EXTRA = ("extensions", "roles", "large_objects", "bytes")


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a backup came to. `place` is where it lies; `seconds` what each step took; `pruned` what was let go after it."""

    name: str
    store: str
    id: str
    place: str
    database: str
    host: str
    taken: datetime
    tables: int
    rows: int
    raw_bytes: int
    stored_bytes: int
    seconds: Mapping[str, float] = field(default_factory=dict)
    pruned: Pruned = field(default_factory=Pruned)


def backup(workspace: Workspace, entry: Backup, listener: events.Listener = events.nobody) -> BackedUp:
    """Back one database up. Nothing is visible in the store before its bytes were read back and decoded to the end.

    Raises RefusedError (another run is at these backups), OperationFailed, ConnectionFailed, and BackupError.
    """
    with open_vault(workspace, entry, listener) as vault:
        vault.hold(f"back {entry.name} up")
        started = datetime.now(UTC)
        vault.store.sweep(entry.name, started)
        draft = vault.store.begin(entry.name, f"{stamp(started)}-{secrets.token_hex(3)}")
        try:
            stored = _made(vault, draft, started)
        except BaseException:
            draft.discard()
            raise
        with vault.timer.step("prune"):
            pruned = prune_held(vault.store, entry, listener)
        return _backed_up(vault, stored, pruned)


def _backed_up(vault: Vault, stored: Stored, pruned: Pruned) -> BackedUp:
    manifest = stored.manifest
    return BackedUp(
        name=manifest.name,
        store=vault.entry.store,
        id=manifest.id,
        place=f"{vault.store.place}/{manifest.name}/{manifest.id}",
        database=manifest.database,
        host=manifest.host,
        taken=manifest.taken,
        tables=len(manifest.tables),
        rows=manifest.rows,
        raw_bytes=manifest.dump.raw_bytes,
        stored_bytes=sum(part.stored_bytes for part in manifest.parts.values()),
        seconds=vault.timer.seconds,
        pruned=pruned,
    )


def _made(vault: Vault, draft: Draft, started: datetime) -> Stored:
    """Dump, verify, publish."""
    entry = vault.entry
    with vault.timer.step("dump", [entry.host]):
        told = _received(vault, draft, DUMP, Dump(database=entry.database, recipients=entry.recipients))
        roles = _received(vault, draft, GLOBALS, DumpGlobals(recipients=entry.recipients))
    with vault.timer.step("verify", [entry.host]):
        seconds = _verified(vault, draft, {DUMP: told, GLOBALS: roles})
    with vault.timer.step("publish"):
        times = {"started": started, "ended": datetime.now(UTC), "verify_seconds": seconds}
        manifest = _manifest(vault, draft.id, told, {DUMP: told, GLOBALS: roles}, times)
        return draft.publish(manifest, instructions(manifest))


def _received(vault: Vault, draft: Draft, name: str, operation: Operation) -> Mapping[str, Any]:
    """Have a part made on the host and brought to the store; what the host says of it. Raises BackupError, HostError."""
    with draft.delivery(part_name(name, vault.entry.recipients)) as delivery:
        (result,) = vault.run(operation, sink=delivery.take, answer=delivery.answer)
        delivery.finish(result.data)
    return result.data


def _verified(vault: Vault, draft: Draft, parts: Mapping[str, Mapping[str, Any]]) -> float:
    """Read what is stored once more; the seconds it took. Raises BackupError or HostError.

    The host decodes it to its end. What is encrypted it has decoded on its way into age, and only the checksum is left to see to.
    """
    began = time.monotonic()
    recipients, told = vault.entry.recipients, parts[DUMP]
    if recipients:
        decoded = told["decoded_bytes"]
        files = {part_name(name, recipients): made for name, made in parts.items()}
        whole = all(draft.digest(file, made["stored_bytes"], vault.ask) == made["sha256"] for file, made in files.items())
    else:
        content = LocalFile(draft.local(DUMP), told["sha256"], told["stored_bytes"])
        whole, decoded = True, vault.run(VerifyDump(content=content))[0].data["raw_bytes"]
    if not whole or decoded != told["raw_bytes"]:
        raise BackupError(
            f"{decoded} bytes came out of the dump, and {told['raw_bytes']} went in" if whole else "what was stored has changed",
            host=vault.entry.host,
            hint="nothing was published; look at the store",
        )
    return round(time.monotonic() - began, 3)


def _part(told: Mapping[str, Any]) -> Part:
    return Part.model_validate({key: told[key] for key in Part.model_fields if key in told})


def _manifest(
    vault: Vault, backup_id: str, told: Mapping[str, Any], parts: Mapping[str, Mapping[str, Any]], times: Mapping[str, Any]
) -> Manifest:
    entry = vault.entry
    return Manifest(
        format=SEALED_FORMAT if entry.recipients else FORMAT,
        recipients=entry.recipients,
        id=backup_id,
        name=entry.name,
        environment=vault.workspace.environment.name,
        host=entry.host,
        database=entry.database,
        operator=vault.workspace.operator,
        taken=datetime.fromtimestamp(float(told["taken"]), UTC),
        verified_at=times["ended"],
        server_version=told["server_version"],
        pg_dump=told["pg_dump"],
        windlass=windlass.__version__,
        parts={part_name(name, entry.recipients): _part(made) for name, made in parts.items()},
        tables=told["tables"],
        source={key: told[key] for key in (*SOURCE, *SOURCE_EXTRA)},
        **times,
    )
