"""What one recovery point consists of: the parts, in the order in which they are made, and how each is made and read again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from windlass.operations.database import Dump, DumpGlobals, VerifyDump
from windlass.operations.operation import LocalFile, Operation
from windlass.operations.parts import CopyRedis, Pack, Unpack, VerifyPart
from windlass.stores.manifest import DUMP, GLOBALS, Manifest, Part
from windlass.values import human_bytes, size

if TYPE_CHECKING:
    from windlass.inventory import Backup


@dataclass(frozen=True, slots=True)
class Wanted:
    """One part of a recovery point.

    name       of its file, before it is encrypted
    operation  that makes it and sends it
    described  what the manifest says of it besides what the operation tells
    step       under which name its time is told
    """

    name: str
    operation: Operation
    described: Mapping[str, Any] = field(default_factory=dict)
    step: str = "pack"

    @property
    def kind(self) -> str:
        """As the manifest has it."""
        return str(self.described.get("kind", ""))


def check_of(name: str, kind: str, content: LocalFile) -> Operation:
    """What decodes a part to its end on the host and tells its `raw_bytes`; `name` is the file's, `kind` the manifest's."""
    if name.startswith(DUMP):
        return VerifyDump(content=content)
    return VerifyPart(content=content, archive=is_archive(kind))


def is_archive(kind: str) -> bool:
    """Whether a part of this kind is an archive of files."""
    return kind in ("directory", "configuration")


def wanted_parts(entry: Backup) -> Iterator[Wanted]:
    """The parts of one backup. The database comes first: what its rows speak of was there before, so the files packed after it
    hold it, unless somebody deletes files meanwhile."""
    sealed = entry.recipients
    if entry.database:
        yield Wanted(DUMP, Dump(database=entry.database, hash_bytes=size(entry.hash_up_to), recipients=sealed), step="dump")
        yield Wanted(GLOBALS, DumpGlobals(recipients=sealed), step="dump")
    if entry.redis:
        about = {"kind": "redis", "path": entry.redis.configuration}
        yield Wanted("redis.rdb.zst", CopyRedis(configuration=entry.redis.configuration, recipients=sealed), about)
    for name, each in entry.directories.items():
        operation = Pack(folder=each.path, exclude=each.exclude, recipients=sealed)
        yield Wanted(f"{name}.tar.zst", operation, {"kind": "directory", "path": each.path, "exclude": each.exclude})
    if entry.configuration:
        paths = tuple(path.lstrip("/") for path in entry.configuration)
        about = {"kind": "configuration", "path": " ".join(entry.configuration)}
        yield Wanted("configuration.tar.zst", Pack(folder="/", paths=paths, recipients=sealed), about)


def unpacking(part: Part, content: LocalFile, path: str, *, passing: bool = False) -> Unpack:
    """What brings a part back at a path, or with `passing` only tries to, elsewhere."""
    return Unpack(
        content=content,
        path=path,
        archive=is_archive(part.kind),
        raw_bytes=part.raw_bytes,
        entries=part.entries,
        passing=passing,
    )


def told_parts(manifest: Manifest) -> tuple[str, ...]:
    """What a recovery point holds besides the database, a few words on each."""
    words = []
    for name, file in manifest.extras.items():
        part = manifest.parts[file]
        unit = "keys" if part.kind == "redis" else "entries"
        changed = ", some of which changed meanwhile" if part.changed else ""
        words.append(f"{name}: {part.entries} {unit}{changed}, {human_bytes(part.raw_bytes)} in {human_bytes(part.stored_bytes)}")
    return tuple(words)
