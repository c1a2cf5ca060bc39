"""A build runs code that nobody vouches for, and may take long: it neither reaches what is root's nor outlives the wish for it."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from windlass import events
from windlass.errors import OperationFailed
from windlass.hosts.agent.results import Result
from windlass.hosts.channel import Channel
from windlass.hosts.common.target import Target
from windlass.operations.build import Build
from windlass.operations.operation import LocalFile
from windlass.operations.wire import Batch
from windlass.testing.local import LocalSession

HERE = Target(name="here", address="127.0.0.1", sudo=False)

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can build as somebody else")


@pytest.fixture
def root() -> Iterator[Path]:
    """The folder of an application, where its user can get to."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path


def build(channel: Channel, root: Path, *commands: str, unless: str = "") -> Result:
    source = root / "source.tar"
    with tarfile.open(source, "w") as archive:
        archive.addfile(tarfile.TarInfo("empty"), io.BytesIO())
    wanted = Build(
        root=str(root),
        user="nobody",
        source=LocalFile.of(source),
        install="",
        lockfile="",
        commands=commands,
        exclude=("*.test.js",),
        unless=unless,
    )
    (result,) = channel.run(Batch((wanted,)))
    return result


def test_a_build_cannot_lay_a_link_where_root_writes(channel: Channel, root: Path) -> None:
    victim = root / "victim"
    victim.write_text("root's")

    with pytest.raises(OperationFailed, match="ended with status 1"):
        build(channel, root, f"ln -s {victim} ../artefact.tar.zst.partial")

    assert victim.read_text() == "root's"


def test_a_build_ends_when_nobody_wants_it_any_more(root: Path) -> None:
    opened: list[Channel] = []

    def interrupt(event: events.Event) -> None:
        if isinstance(event, events.Note) and event.text.startswith("build: sleep"):
            opened[0].cancel()

    opened.append(Channel(HERE, interrupt, LocalSession))
    with pytest.raises(OperationFailed, match="interrupted"):
        build(opened[0], root, "sleep 60")
    opened[0].close()


def test_what_is_excluded_may_have_any_name(channel: Channel, root: Path) -> None:
    result = build(channel, root, "touch '[id].js' '[id].test.js' 'index.test.js'")

    listed = subprocess.run(["tar", "--zstd", "-tf", result.data["path"]], capture_output=True, text=True, check=True).stdout
    assert sorted(listed.split()) == ["./", "./[id].js", "./empty"]


def test_nothing_is_built_while_something_stands_in_the_way(channel: Channel, root: Path) -> None:
    (root / "progress.json").write_text("{}")

    assert build(channel, root, "touch built", unless=f"{root}/progress.json").status == "ok"
    assert not (root / "build").exists()
    assert build(channel, root, "touch built", unless=f"{root}/another.json").status == "changed"
