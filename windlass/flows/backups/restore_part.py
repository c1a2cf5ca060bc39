"""Bringing back what a backup holds besides the database: a folder, the configuration, a Redis; each beside what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from windlass import events
from windlass.errors import UsageError
from windlass.flows.backups.recovery_parts import unpacking
from windlass.flows.backups.vault import open_vault
from windlass.values import Command, human_bytes

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Backup
    from windlass.stores.manifest import Part
    from windlass.stores.published import Stored


@dataclass(frozen=True, slots=True)
class PartWish:
    """What is wanted back, and where it goes: a path on the host at which there is nothing yet."""

    part: str
    into: str


@dataclass(frozen=True, slots=True)
class PartRestored:
    """What came of it: `entries` files and folders, or a Redis's keys, are at `path` on `host`; `next_steps` are a person's."""

    name: str
    backup: str
    taken: datetime
    part: str
    host: str
    path: str
    entries: int
    next_steps: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)


def restore_part(
    workspace: Workspace,
    entry: Backup,
    wish: PartWish,
    *,
    backup: str = "",
    identity: str = "",
    listener: events.Listener = events.nobody,
) -> PartRestored:
    """Bring one part of a backup (the newest good one if empty) back at a path where there is nothing.

    Raises UsageError, RefusedError (lock, doubt), OperationFailed where something is at that path or there is no room, BackupError.
    """
    with open_vault(workspace, entry, listener, identity) as vault:
        vault.hold(f"restore {wish.part} of {entry.name}")
        stored = vault.pick(backup)
        file, part = _chosen(stored, wish)
        with (
            vault.reading(stored, f"restore {wish.part} of {entry.name}"),
            vault.content(stored, file) as content,
            vault.timer.step("restore", [entry.host]),
        ):
            (result,) = vault.run(unpacking(part, content, wish.into))
        return PartRestored(
            name=entry.name,
            backup=stored.id,
            taken=stored.manifest.taken,
            part=wish.part,
            host=entry.host,
            path=wish.into,
            entries=result.data["entries"],
            next_steps=_next_steps(part, wish.into),
            seconds=vault.timer.seconds,
        )


def explain_part(
    workspace: Workspace,
    entry: Backup,
    wish: PartWish,
    *,
    backup: str = "",
    listener: events.Listener = events.nobody,
) -> tuple[str, ...]:
    """What `restore_part` would do, sentence by sentence. Nothing is changed."""
    with open_vault(workspace, entry, listener) as vault:
        stored = vault.pick(backup)
        _file, part = _chosen(stored, wish)
        unit = "keys" if part.kind == "redis" else "entries"
        return (
            f"{stored.id} holds {part.path} of {stored.manifest.host} as it was on {stored.manifest.taken:%Y-%m-%d %H:%M:%S} UTC",
            f"{part.entries} {unit}, {human_bytes(part.raw_bytes)}, come to {wish.into} on {entry.host}, where nothing may be",
            *([f"some of it changed while it was read: {'; '.join(part.changed)}"] if part.changed else []),
            *_next_steps(part, wish.into),
        )


def _chosen(stored: Stored, wish: PartWish) -> tuple[str, Part]:
    """The part's file and what is known of it. Raises UsageError."""
    extras = stored.manifest.extras
    if wish.part not in extras:
        has = f"it has {', '.join(extras)}" if extras else "it has a database alone"
        raise UsageError(f"{stored.id} has no part {wish.part!r}", hint=has)
    path = wish.into
    if not path.startswith("/") or path.endswith("/") or "/../" in f"{path}/":
        raise UsageError(
            f"--into {path!r} is not where a part can go", hint="a path on the host, from / on, at which there is nothing"
        )
    return extras[wish.part], stored.manifest.parts[extras[wish.part]]


def _next_steps(part: Part, path: str) -> tuple[str, ...]:
    """What a person does then; nothing that runs is touched by a restore of files."""
    if part.kind == "directory":
        aside, into_place = Command.of("mv", part.path, f"{part.path}.before"), Command.of("mv", path, part.path)
        return (f"when it is what you want: {aside} && {into_place}",)
    if part.kind == "configuration":
        return (f"compare before you copy anything: {Command.of('diff', '-r', f'{path}/etc', '/etc')}",)
    return ("Redis itself is as it was: RESTORE.md beside the backup says how this takes the place of what it holds",)
