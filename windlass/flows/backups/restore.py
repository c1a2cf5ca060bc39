"""Bringing a backup back: beside the live database, in its place, or one table of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from windlass import events
from windlass.errors import BackupError, ConnectionFailed, UsageError
from windlass.flows.backups.recovery_parts import told_parts
from windlass.flows.backups.vault import Vault, open_vault
from windlass.operations.database import Databases
from windlass.operations.operation import LocalFile, Operation
from windlass.operations.restoration import HasTable, MakeRoles, Restore, RestoreTable, Swap
from windlass.plans.restoration import Restoration, Server, Wish, differences, predicted, refuse_unable, restoration
from windlass.stores.manifest import GLOBALS
from windlass.values import human_bytes, human_seconds

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Backup
    from windlass.stores.published import Stored


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore came to.

    database      where the backup's data is now
    before        the name of the database whose place it took; empty if it took none
    table         the one table that was brought back, where it is now
    rows          that were restored and counted; they are those of the manifest
    milliseconds  that the swap took
    roles         that had to be made on the host to which it went
    """

    name: str
    backup: str
    taken: datetime
    database: str
    before: str = ""
    table: str = ""
    tables: int = 0
    rows: int = 0
    milliseconds: float = 0.0
    host: str = ""
    roles: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)


def restore(
    workspace: Workspace,
    entry: Backup,
    wish: Wish,
    *,
    backup: str = "",
    identity: str = "",
    listener: events.Listener = events.nobody,
) -> Restored:
    """Restore a backup (the newest good one if empty). Nothing that exists is overwritten; a swap comes last, whole or not at all.

    `identity` is the file with the private key of an encrypted one. It goes to the entry's host, see `entry_on`; where that is not
    the one it came from, roles that are missing are made first.

    Raises UsageError, RefusedError (lock, room, a name that is taken), BackupError when the rows are not those of the
    manifest, and HostError.
    """
    with open_vault(workspace, entry, listener, identity) as vault:
        vault.hold(f"restore {entry.name}")
        stored = vault.pick(backup)
        with vault.reading(stored, f"restore {entry.name}"):
            plan = _planned(vault, stored, wish)
            made = _roles(vault, stored) if vault.entry.host != stored.manifest.host else ()
            done = _table(vault, stored, plan) if plan.table else _whole(vault, stored, plan)
        return replace(done, host=vault.entry.host, roles=made)


def explain(
    workspace: Workspace, entry: Backup, wish: Wish, *, backup: str = "", listener: events.Listener = events.nobody
) -> tuple[str, ...]:
    """What `restore` would do, sentence by sentence. Nothing is changed; raises what `restore` would refuse with."""
    with open_vault(workspace, entry, listener) as vault:
        stored = vault.pick(backup)
        planned = _planned(vault, stored, wish)
        return (*_about(stored, datetime.now(UTC)), *_cost(vault, stored), *planned.lines)


def _roles(vault: Vault, stored: Stored) -> tuple[str, ...]:
    """Make the roles that the other host lacks; their names."""
    with vault.content(stored, stored.manifest.part(GLOBALS)) as content, vault.timer.step("roles", [vault.entry.host]):
        (result,) = vault.run(MakeRoles(content=content))
    made: list[str] = result.data["made"]
    return tuple(made)


def _cost(vault: Vault, stored: Stored) -> tuple[str, ...]:
    """Where it goes, how much room it needs there, and how long it may take, from the last drill that succeeded."""
    manifest, host = stored.manifest, vault.entry.host
    lines = [f"it goes to {host}, needs up to {human_bytes(int(manifest.source['bytes']) * 5 // 4)} there"]
    if host != manifest.host:
        lines.append(f"roles that {host} lacks are made from the backup; those that it has stay as they are")
    backups = vault.store.listing(vault.entry.name).backups
    drilled = [(each, proof) for each in backups for proof in each.proofs if proof.kind == "drill" and proof.passed]
    if not drilled:
        return (*lines, "how long that takes nobody knows: no drill of this database has succeeded")
    each, proof = max(drilled, key=lambda pair: pair[1].at)
    took = sum(proof.seconds.get(step, 0.0) for step in ("fetch", "restore", "check"))
    seconds = predicted(took, each.manifest.raw_bytes, manifest.raw_bytes)
    return (*lines, f"that may take {human_seconds(seconds)}, going by the drill of {proof.at:%Y-%m-%d} on {proof.host}")


def _planned(vault: Vault, stored: Stored, wish: Wish) -> Restoration:
    """Look at the server, and decide."""
    entry, manifest = vault.entry, stored.manifest
    if not manifest.database:
        raise UsageError(f"{stored.id} holds no database", hint=f"say --part {' or --part '.join(manifest.extras)} --into PATH")
    plain = {table.replace('"', "") for table in manifest.tables}
    if wish.table and wish.table not in plain and f"public.{wish.table}" not in plain:
        raise UsageError(f"{stored.id} has no table {wish.table}", hint=f"it has {', '.join(sorted(plain))}")
    with vault.timer.step("look", [entry.host]):
        (seen,) = vault.run(Databases())
        databases = {each["name"]: each for each in seen.data["databases"]}
        found = ""
        if wish.table and entry.database in databases:
            (looked,) = vault.run(HasTable(database=entry.database, table=wish.table))
            found = looked.data["found"]
    server = Server(
        databases={name: each["bytes"] for name, each in databases.items()},
        connections={name: each["connections"] for name, each in databases.items()},
        free_bytes=seen.data["free_bytes"],
        table=found,
        version=seen.data["server_version"],
        extensions=frozenset(seen.data["extensions"]),
    )
    refuse_unable(manifest.server_version, manifest.source.get("extensions", {}), server)
    return restoration(entry.database, int(manifest.source["bytes"]), wish, server, f"{datetime.now(UTC):%Y%m%dt%H%M%S}")


def _about(stored: Stored, now: datetime) -> tuple[str, ...]:
    manifest = stored.manifest
    age = human_seconds((now - manifest.taken).total_seconds())
    lines = [
        f"{stored.id} holds {manifest.database} as it was on {manifest.taken:%Y-%m-%d %H:%M:%S} UTC, {age} ago",
        f"it has {manifest.rows} rows in {len(manifest.tables)} tables, {human_bytes(manifest.dump.stored_bytes)} compressed",
        *(f"besides, it holds {part}; --part brings that back" for part in told_parts(manifest)),
    ]
    if stored.drill and stored.drill.passed:
        minutes = human_seconds(stored.drill.rto_minutes * 60)
        lines.append(f"it was restored in a drill on {stored.drill.at:%Y-%m-%d %H:%M}, which took {minutes}")
    elif not stored.proven:
        lines.append("it was never proven by a drill")
    return tuple(lines)


def _whole(vault: Vault, stored: Stored, plan: Restoration) -> Restored:
    manifest, host = stored.manifest, [vault.entry.host]
    with vault.content(stored) as content, vault.timer.step("restore", host):
        operation = Restore(content=content, database=plan.into, source=manifest.source)
        (result,) = vault.run(operation)
    wrong = differences(manifest.tables, result.data["tables"])
    if wrong:
        raise BackupError(
            f"{plan.into} is not what the backup should hold: {wrong[0]}",
            host=vault.entry.host,
            last_lines=wrong,
            hint=f"{plan.into} is left for you to look at; nothing else was changed",
        )
    milliseconds = _swapped(vault, plan) if plan.before else 0.0
    return Restored(
        name=vault.entry.name,
        backup=stored.id,
        taken=manifest.taken,
        database=vault.entry.database if plan.before else plan.into,
        before=plan.before,
        tables=len(manifest.tables),
        rows=manifest.rows,
        milliseconds=milliseconds,
        seconds=vault.timer.seconds,
    )


def _swapped(vault: Vault, plan: Restoration) -> float:
    """The milliseconds that the swap took. Raises HostError, and BackupError where nobody can say whether it was made."""
    database, host = vault.entry.database, vault.entry.host
    try:
        with vault.timer.step("swap", [host]):
            (result,) = vault.run(Swap(database=database, restored=plan.into, before=plan.before))
    except ConnectionFailed as error:
        raise BackupError(
            f"{error.message}, while {plan.into} was taking the place of {database}",
            host=host,
            hint=f"if there is a database {plan.before} on {host} now, it has; otherwise all is as it was",
        ) from error
    milliseconds: float = result.data["milliseconds"]
    return milliseconds


def _table(vault: Vault, stored: Stored, plan: Restoration) -> Restored:
    with vault.content(stored) as content:
        data = _result_of(vault, _table_operation(vault, stored, plan, content))
    return Restored(
        name=vault.entry.name,
        backup=stored.id,
        taken=stored.manifest.taken,
        database=vault.entry.database,
        table=data["table"],
        tables=1,
        rows=data["rows"],
        seconds=vault.timer.seconds,
    )


def _table_operation(vault: Vault, stored: Stored, plan: Restoration, content: LocalFile) -> RestoreTable:
    return RestoreTable(
        content=content,
        into=vault.entry.database,
        passing=plan.into,
        table=plan.table,
        beside=plan.beside,
        source=stored.manifest.source,
    )


def _result_of(vault: Vault, operation: Operation) -> Mapping[str, Any]:
    with vault.timer.step("restore", [vault.entry.host]):
        return vault.run(operation)[0].data
