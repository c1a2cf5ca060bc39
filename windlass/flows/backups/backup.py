"""Making a backup: each part to the store, read back and decode, publish, and only then let old ones go."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

import windlass
from windlass import events
from windlass.errors import BackupError
from windlass.flows.backups.holdings import Pruned, prune_held
from windlass.flows.backups.recovery_parts import Wanted, check_of, told_parts, wanted_parts
from windlass.flows.backups.vault import Vault, open_vault
from windlass.operations.operation import LocalFile, Operation
from windlass.plans.retention import CLOCKS_MAY_DIFFER, believed
from windlass.plans.shrinkage import shrinkage
from windlass.stores.instructions import instructions
from windlass.stores.manifest import BARE_FORMAT, FORMAT, SEALED_FORMAT, Manifest, Part, part_name, stamp
from windlass.stores.published import Stored

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Backup
    from windlass.stores.store import Draft

SOURCE = ("owner", "encoding", "collate", "ctype", "provider", "locale", "connection_limit", "access", "settings")
SOURCE_EXTRA = ("extensions", "roles", "large_objects", "bytes", "sequences_behind", "invalid_indexes")


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a backup came to.

    place     where it lies
    parts     what is in it besides the database, a few words on each
    seconds   that each step took
    pruned    what was let go after it
    """

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
    parts: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    pruned: Pruned = field(default_factory=Pruned)


def backup(
    workspace: Workspace, entry: Backup, listener: events.Listener = events.nobody, *, accept_shrunk: bool = False
) -> BackedUp:
    """Make one recovery point. Nothing is visible in the store before its bytes were read back and decoded to the end.

    One that is far smaller than the good ones before it is kept, but is no good one, unless `accept_shrunk` says it is right.
    Raises RefusedError (another run is at these backups), OperationFailed, ConnectionFailed, and BackupError.
    """
    with open_vault(workspace, entry, listener) as vault:
        vault.hold(f"back {entry.name} up")
        started = datetime.now(UTC)
        vault.store.sweep(entry.name, started)
        draft = vault.store.begin(entry.name, f"{stamp(started)}-{secrets.token_hex(3)}")
        try:
            stored = _made(vault, draft, started, accept_shrunk=accept_shrunk)
        except BaseException:
            draft.discard()
            raise
        _refuse_suspicious(stored)
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
        raw_bytes=manifest.raw_bytes,
        stored_bytes=manifest.stored_bytes,
        parts=told_parts(manifest),
        seconds=vault.timer.seconds,
        pruned=pruned,
    )


def _refuse_suspicious(stored: Stored) -> None:
    """Raises BackupError for one that is kept, but does not count."""
    lines = stored.manifest.suspicious
    if lines:
        raise BackupError(
            f"{stored.id} is suspicious: {lines[0]}",
            host=stored.manifest.host,
            last_lines=lines,
            hint="look at what it was made of. It is kept, does not count as good, and nothing is dropped meanwhile. "
            "If so little is right: invoke backup.run --accept-shrunk",
        )


def _made(vault: Vault, draft: Draft, started: datetime, *, accept_shrunk: bool) -> Stored:
    """Make each part, verify it, publish all of them; any that fails fails the whole."""
    made: dict[str, Mapping[str, Any]] = {}
    wanted = tuple(wanted_parts(vault.entry))
    for step, parts in groupby(wanted, key=lambda part: part.step):
        with vault.timer.step(step, [vault.entry.host]):
            for part in parts:
                made[part.name] = _received(vault, draft, part.name, part.operation)
                _tell_of_changes(vault, part, made[part.name])
    with vault.timer.step("verify", [vault.entry.host]):
        began = time.monotonic()
        for part in wanted:
            _verify(vault, draft, part, made[part.name])
        seconds = round(time.monotonic() - began, 3)
    with vault.timer.step("publish"):
        times = {"started": started, "ended": datetime.now(UTC), "verify_seconds": seconds}
        manifest = _judged(vault, _manifest(vault, draft.id, wanted, made, times), accept_shrunk=accept_shrunk)
        return draft.publish(manifest, instructions(manifest))


def _judged(vault: Vault, manifest: Manifest, *, accept_shrunk: bool) -> Manifest:
    """The manifest, with what is suspicious about its size."""
    good = [each.manifest.extent for each in reversed(vault.store.listing(vault.entry.name).backups) if each.verified]
    lines = shrinkage(manifest.extent, good, int(vault.entry.shrink.rstrip("%")))
    return manifest.model_copy(update={"suspicious": () if accept_shrunk else lines, "accepted": accept_shrunk and bool(lines)})


def _tell_of_changes(vault: Vault, part: Wanted, told: Mapping[str, Any]) -> None:
    lines = told.get("changed", ())
    if lines:
        what = f"{part.name}: files changed while they were read, and may be of two moments: {'; '.join(lines)}"
        vault.listener(events.Note(what, vault.entry.host, warning=True))


def _received(vault: Vault, draft: Draft, name: str, operation: Operation) -> Mapping[str, Any]:
    """Have a part made on the host and brought to the store; what the host says of it. Raises BackupError, HostError."""
    with draft.delivery(part_name(name, vault.entry.recipients)) as delivery:
        (result,) = vault.run(operation, sink=delivery.take, answer=delivery.answer)
        delivery.finish(result.data)
    return result.data


def _verify(vault: Vault, draft: Draft, part: Wanted, told: Mapping[str, Any]) -> None:
    """Read what is stored of a part once more. Raises BackupError or HostError.

    The host decodes it to its end. What is encrypted it has decoded on its way into age, and only the checksum is left to see to.
    """
    recipients = vault.entry.recipients
    file = part_name(part.name, recipients)
    if recipients and draft.digest(file, told["stored_bytes"], vault.ask) != told["sha256"]:
        raise BackupError(
            f"what was stored of {part.name} has changed",
            host=vault.entry.host,
            hint="nothing was published; look at the store",
        )
    if recipients:
        found = {"raw_bytes": told.get("decoded_bytes", told["raw_bytes"])}
    else:
        content = LocalFile(draft.local(file), told["sha256"], told["stored_bytes"])
        found = vault.run(check_of(part.name, part.kind, content))[0].data
    for key, unit in (("raw_bytes", "bytes"), ("entries", "entries")):
        if key in found and found[key] != told[key]:
            raise BackupError(
                f"{found[key]} {unit} came out of {part.name}, and {told[key]} went in",
                host=vault.entry.host,
                hint="nothing was published; run it again",
            )


def _manifest(
    vault: Vault, backup_id: str, wanted: Sequence[Wanted], made: Mapping[str, Mapping[str, Any]], times: Mapping[str, Any]
) -> Manifest:
    entry = vault.entry
    told = made[wanted[0].name]
    return Manifest(
        format=BARE_FORMAT if not entry.database else SEALED_FORMAT if entry.recipients else FORMAT,
        recipients=entry.recipients,
        id=backup_id,
        name=entry.name,
        environment=vault.workspace.environment.name,
        host=entry.host,
        database=entry.database,
        operator=vault.workspace.operator,
        taken=_taken(vault, datetime.fromtimestamp(float(told["taken"]), UTC), times),
        verified_at=times["ended"],
        server_version=told.get("server_version", ""),
        pg_dump=told.get("pg_dump", ""),
        windlass=windlass.__version__,
        parts={part_name(part.name, entry.recipients): _part(part, made[part.name]) for part in wanted},
        tables=told.get("tables", {}),
        hashes=told.get("hashes", {}),
        source={key: told[key] for key in (*SOURCE, *SOURCE_EXTRA)} if entry.database else {},
        **times,
    )


def _taken(vault: Vault, told: datetime, times: Mapping[str, Any]) -> datetime:
    """When the snapshot was taken. A clock that is far off is told: backups are kept and dropped by what clocks show."""
    started, ended = times["started"], times["ended"]
    if not started - CLOCKS_MAY_DIFFER <= told <= ended + CLOCKS_MAY_DIFFER:
        what = f"its clock shows {told:%Y-%m-%d %H:%M} UTC where this machine's shows {ended:%Y-%m-%d %H:%M}"
        vault.listener(events.Note(f"{what}: set the one that is wrong", vault.entry.host, warning=True))
    return believed(told, started, ended)


def _part(part: Wanted, told: Mapping[str, Any]) -> Part:
    return Part.model_validate({key: told[key] for key in Part.model_fields if key in told} | dict(part.described))
