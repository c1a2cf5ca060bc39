"""One artefact for all hosts: built once, on one of them, kept here by what it was made of."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from windlass.errors import BuildFailed, ConnectionFailed, OperationFailed
from windlass.flows.deployment import runtime
from windlass.hosts.content.upload import MOST_ALONG
from windlass.inventory import NpmSource
from windlass.operations.build import Build, SendFile
from windlass.operations.operation import LocalFile, Operation
from windlass.operations.wire import Batch
from windlass.plans.layout import Layout

if TYPE_CHECKING:
    from windlass.flows.deployment.source import Source
    from windlass.hosts.agent.results import Result
    from windlass.hosts.channel import Channel
    from windlass.inventory import Application, Environment

KEPT = 10  # artefacts kept here for each application
ABANDONED = 86400.0  # seconds after which what a killed run was fetching is nobody's
PACKED, PLAIN = ".tar.zst", ".tar"  # by a host, and what needed no host


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


@dataclass(frozen=True, slots=True)
class Wanted:
    """An artefact of this source: one that is kept in `folder`, or a new one."""

    environment: Environment
    application: Application
    source: Source
    folder: Path

    def kept(self, builder: str, facts: Mapping[str, Any]) -> Artefact | None:
        """What was made of the same before; a little code that needs no building is an artefact as it is, without a host."""
        path, record = self._places(builder, facts)
        known = _known(record) if path.exists() else None
        if known is None:
            return self._as_it_is(path, record) if self._is_plain() else None
        os.utime(path)
        content = LocalFile(path, known["sha256"], known["size"])
        return Artefact(self.source, content, built=False, cached_dependencies=True, seconds={})

    def made(self, channel: Channel, first: Sequence[Operation] = (), unless: str = "") -> tuple[Sequence[Result], Artefact | None]:
        """Have it built on the channel's host, after other operations that go there in the same turn, and bring it here, under a
        partial name until its checksum is right. The host keeps it until the next build.

        Gives the results of the others, and no artefact where the file `unless` stands in the way. Raises BuildFailed.
        """
        builder = channel.target.name
        path, record = self._places(builder, channel.facts)
        build, bring = self.steps(builder, unless)
        with _arriving(path) as arriving:
            try:
                *others, built, _sent = channel.run(Batch((*first, build, bring), along=(build.source,)), sink=arriving.take)
            except OperationFailed as error:
                if error.tried in [each.title() for each in first]:
                    raise
                raise _not_built(self.application, self.source, error) from error
            if not built.changed:
                return others, None
            arriving.settle(built.data["sha256"], builder)
        content = LocalFile(path, built.data["sha256"], built.data["size"])
        self._keep(content, record)
        cached, seconds = built.data["cached"], built.data["seconds"]
        return others, Artefact(self.source, content, built=True, cached_dependencies=cached, seconds=seconds, builder=builder)

    def _places(self, builder: str, facts: Mapping[str, Any]) -> tuple[Path, Path]:
        """Where it is kept, and what is known of it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        key = key_of(self.application, self.source, runtime.toolchain(self.environment, self.application, builder, facts))
        return self.folder / f"{key}{PLAIN if self._is_plain() else PACKED}", self.folder / f"{key}.json"

    def _is_plain(self) -> bool:
        """Whether there is nothing to build, and so little that it may as well travel unpacked."""
        build, python = self.application.build, self.application.runtime == "python"
        work = build.install or build.commands or build.prune or build.exclude
        return (
            not (work or python or isinstance(self.application.source, NpmSource)) and self.source.tar.stat().st_size <= MOST_ALONG
        )

    def _as_it_is(self, path: Path, record: Path) -> Artefact:
        partial = path.with_suffix(f".{os.getpid()}.partial")
        _write_plain(self.source, partial)
        partial.replace(path)
        content = LocalFile.whole(path)
        self._keep(content, record)
        return Artefact(self.source, content, built=True, cached_dependencies=True, seconds={})

    def _keep(self, content: LocalFile, record: Path) -> None:
        known = {"sha256": content.checksum, "size": content.size, "commit": self.source.commit}
        partial = record.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(json.dumps(known), encoding="utf-8")
        partial.replace(record)
        _forget_old(self.folder, content.path)

    def steps(self, builder: str, unless: str = "") -> tuple[Build, SendFile]:
        """What makes it on that host and brings it here."""
        root = Layout(self.application.name).root
        build = Build(
            root=root,
            user=self.application.user,
            source=LocalFile.whole(self.source.tar),
            mtime=self.source.time,
            exclude=self.application.build.exclude,
            unless=unless,
            **runtime.recipe(self.environment, self.application, builder),
        )
        return build, SendFile(path=packed(root), only_after=(build,))


def _known(record: Path) -> Mapping[str, Any] | None:
    """What was noted of an artefact. A note that is torn, as a disk that filled up leaves it, counts as none."""
    try:
        return cast("Mapping[str, Any]", json.loads(record.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return None


def _write_plain(source: Source, path: Path) -> None:
    """The code with one time, no owners and plain rights, so that the same code is the same bytes wherever it is deployed from."""
    with tarfile.open(source.tar) as given, tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as plain:
        for member in given:
            member.mtime, member.uid, member.gid, member.uname, member.gname = source.time, 0, 0, "", ""
            member.mode &= 0o755
            plain.addfile(member, given.extractfile(member) if member.isreg() else None)


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
    """`newest` stays, also where the clock has gone back and the others seem newer. Another run may be at the same."""
    kept = [*folder.glob(f"*{PACKED}"), *folder.glob(f"*{PLAIN}")]
    for path in sorted((path for path in kept if path != newest), key=_touched, reverse=True)[KEPT - 1 :]:
        path.unlink(missing_ok=True)
        path.with_name(path.name.partition(".")[0] + ".json").unlink(missing_ok=True)
    for path in folder.glob("*.partial"):
        if time.time() - _touched(path) > ABANDONED:
            path.unlink(missing_ok=True)


def _touched(path: Path) -> float:
    """When it was touched last; long ago where it has just gone."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
