"""One artefact for all hosts: built once, on one of them, kept here by what it was made of."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from windlass.errors import BuildFailed, ConnectionFailed, OperationFailed
from windlass.flows import runtime
from windlass.operations.build import Build, SendFile
from windlass.operations.operation import LocalFile
from windlass.operations.wire import Batch
from windlass.plans.layout import Layout

if TYPE_CHECKING:
    from windlass.flows.source import Source
    from windlass.hosts.channel import Channel
    from windlass.inventory import Application, Environment

KEPT = 10  # artefacts kept here for each application


@dataclass(frozen=True, slots=True)
class Artefact:
    """What every host gets. `built` says whether it was built now, and `builder` by which host, which still has it (at `packed`);
    `seconds` what each step of the build took."""

    source: Source
    content: LocalFile
    built: bool
    cached_dependencies: bool
    seconds: Mapping[str, float]
    builder: str = ""


def key_of(application: Application, source: Source, toolchain: str) -> str:
    """What an artefact is made of, as a key: the code, how it is built, and with what."""
    parts = {"source": source.identity, "build": application.build.model_dump(mode="json"), "toolchain": toolchain}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def obtain(environment: Environment, application: Application, source: Source, *, channel: Channel, folder: Path) -> Artefact:
    """The artefact of this source: the one kept in `folder`, else built on the channel's host. Raises BuildFailed."""
    folder.mkdir(parents=True, exist_ok=True)
    builder = channel.target.name
    key = key_of(application, source, runtime.toolchain(environment, application, builder, channel.facts))
    path, record = folder / f"{key}.tar.zst", folder / f"{key}.json"
    if path.exists() and record.exists():
        kept = json.loads(record.read_text(encoding="utf-8"))
        os.utime(path)
        content = LocalFile(path, kept["sha256"], kept["size"])
        return Artefact(source, content, built=False, cached_dependencies=True, seconds={})
    built, content = _build(application, source, channel, runtime.recipe(environment, application, builder), path)
    record.write_text(json.dumps({"sha256": content.sha256, "size": content.size, "commit": source.commit}), encoding="utf-8")
    _forget_old(folder, path)
    return Artefact(source, content, built=True, cached_dependencies=built["cached"], seconds=built["seconds"], builder=builder)


def _build(
    application: Application, source: Source, channel: Channel, recipe: Mapping[str, Any], path: Path
) -> tuple[dict[str, Any], LocalFile]:
    """Build it and bring it here, under a partial name until its checksum is right. The host keeps it until the next build."""
    root = Layout(application.name).root
    operation = Build(
        root=root,
        user=application.user,
        source=LocalFile.of(source.tar),
        mtime=source.time,
        exclude=application.build.exclude,
        **recipe,
    )
    with _arriving(path) as arriving:
        try:
            result, _sent = channel.run(Batch((operation, SendFile(path=packed(root)))), sink=arriving.take)
        except OperationFailed as error:
            raise _not_built(application, source, error) from error
        arriving.settle(result.data["sha256"], channel.target.name)
    return result.data, LocalFile(path, result.data["sha256"], result.data["size"])


def packed(root: str) -> str:
    """Where on the host that built it an artefact is."""
    return f"{root}/build/artefact.tar.zst"


def _not_built(application: Application, source: Source, error: OperationFailed) -> BuildFailed:
    return BuildFailed(
        f"{application.name} {source.reference} could not be built: {error.message}",
        host=error.host,
        last_lines=error.last_lines,
        hint="what serves now is untouched; " + way_on(error.message),
    )


def way_on(said: str) -> str:
    """What to do about a build that failed with these words: a host that nobody set up for the application has no user for it."""
    if "there is no user" in said:
        return "has this host been set up for the application? `invoke setup` makes its user and folders"
    return "mend the build and deploy again"


@dataclass(frozen=True, slots=True)
class _Arriving:
    """An artefact on its way here."""

    path: Path
    partial: Path
    handle: BinaryIO
    digest: Any

    def take(self, _stream: int, chunk: bytes | memoryview) -> None:
        self.handle.write(chunk)
        self.digest.update(chunk)

    def settle(self, sha256: str, host: str) -> None:
        self.handle.flush()
        os.fsync(self.handle.fileno())
        if self.digest.hexdigest() != sha256:
            raise ConnectionFailed("the artefact arrived damaged: its checksum differs", host=host, hint="deploy again")
        self.partial.replace(self.path)


@contextmanager
def _arriving(path: Path) -> Iterator[_Arriving]:
    partial = path.with_suffix(f".{os.getpid()}.partial")  # another run, for another environment, may be fetching the same
    try:
        with partial.open("wb") as handle:
            yield _Arriving(path, partial, handle, hashlib.sha256())
    finally:
        partial.unlink(missing_ok=True)


def _forget_old(folder: Path, newest: Path) -> None:
    """`newest` stays, also where the clock has gone back and the others seem newer."""
    others = sorted((path for path in folder.glob("*.tar.zst") if path != newest), key=lambda path: path.stat().st_mtime)
    for path in others[: -KEPT + 1]:
        path.unlink()
        path.with_name(path.name.removesuffix(".tar.zst") + ".json").unlink(missing_ok=True)
