"""One artefact for all hosts: built once, on one of them, kept here by what it was made of."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    """What every host gets. `built` says whether it was built now; `seconds` what each step of the build took."""

    source: Source
    content: LocalFile
    built: bool
    cached_dependencies: bool
    seconds: Mapping[str, float]


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
    built = _build(application, source, channel, runtime.recipe(environment, application, builder))
    content = _bring(channel, built, path)
    record.write_text(json.dumps({"sha256": content.sha256, "size": content.size, "commit": source.commit}), encoding="utf-8")
    _forget_old(folder, path)
    return Artefact(source, content, built=True, cached_dependencies=built["cached"], seconds=built["seconds"])


def _build(application: Application, source: Source, channel: Channel, recipe: Mapping[str, Any]) -> dict[str, Any]:
    operation = Build(
        root=Layout(application.name).root,
        user=application.user,
        source=LocalFile.of(source.tar),
        mtime=source.time,
        exclude=application.build.exclude,
        **recipe,
    )
    try:
        (result,) = channel.run(Batch((operation,)))
    except OperationFailed as error:
        raise BuildFailed(
            f"{application.name} {source.reference} could not be built: {error.message}",
            host=error.host,
            last_lines=error.last_lines,
            hint="what serves now is untouched; " + way_on(error.message),
        ) from error
    return result.data


def way_on(said: str) -> str:
    """What to do about a build that failed with these words: a host that nobody set up for the application has no user for it."""
    if "there is no user" in said:
        return "has this host been set up for the application? `invoke setup` makes its user and folders"
    return "mend the build and deploy again"


def _bring(channel: Channel, built: Mapping[str, Any], path: Path) -> LocalFile:
    """Fetch the artefact from the host that built it, under a partial name until its checksum is right."""
    partial = path.with_suffix(f".{os.getpid()}.partial")  # another run, for another environment, may be fetching the same
    digest = hashlib.sha256()
    with partial.open("wb") as handle:

        def take(_stream: int, chunk: bytes) -> None:
            handle.write(chunk)
            digest.update(chunk)

        channel.run(Batch((SendFile(path=built["path"], remove=True),)), sink=take)
        handle.flush()
        os.fsync(handle.fileno())
    if digest.hexdigest() != built["sha256"]:
        raise ConnectionFailed("the artefact arrived damaged: its checksum differs", host=channel.target.name, hint="deploy again")
    partial.replace(path)
    return LocalFile(path, built["sha256"], built["size"])


def _forget_old(folder: Path, newest: Path) -> None:
    """`newest` stays, also where the clock has gone back and the others seem newer."""
    others = sorted((path for path in folder.glob("*.tar.zst") if path != newest), key=lambda path: path.stat().st_mtime)
    for path in others[: -KEPT + 1]:
        path.unlink()
        path.with_name(path.name.removesuffix(".tar.zst") + ".json").unlink(missing_ok=True)
