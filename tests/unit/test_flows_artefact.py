"""What needs no building is an artefact without a host: the same bytes whoever deploys it, and only if it is little."""

from __future__ import annotations

import io
import os
import tarfile
import time
from pathlib import Path

import pytest

from windlass.flows.deployment.artefact import ABANDONED, Wanted
from windlass.flows.deployment.source import Source
from windlass.flows.workspace import open_workspace
from windlass.hosts.content.upload import MOST_ALONG
from windlass.operations.archive import Archive
from windlass.operations.wire import Batch
from windlass.testing.local import local_channel

INVENTORY = """
hosts: {app1: {address: 192.0.2.21}}
groups: {app: {hosts: [app1], roles: [app]}}
applications:
  shop:
    hosts: app
    source: {path: code}
    build: {install: "", prune: "", commands: [COMMANDS], exclude: [EXCLUDE]}
    processes: {web: {command: node server.js, listen: socket}}
"""


def wanted(project: Path, *, mtime: int, size: int = 100, commands: str = "", exclude: str = "") -> Wanted:
    """An artefact of a page that was packed at this time by somebody."""
    (project / "inventories/staging").mkdir(parents=True)
    text = INVENTORY.replace("COMMANDS", commands).replace("EXCLUDE", exclude)
    (project / "inventories/staging/all.yml").write_text(text)
    (project / "code").mkdir()
    workspace, tar = open_workspace(project, "staging"), project / "source.tar"
    with tarfile.open(tar, "w") as archive:
        for name, mode in (("index.html", 0o664), ("bin/run", 0o4775)):
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime, member.uname = size, mode, mtime, "ada"
            archive.addfile(member, io.BytesIO(b"x" * size))
        link = tarfile.TarInfo("home.html")
        link.type, link.linkname, link.mtime = tarfile.SYMTYPE, "index.html", mtime
        archive.addfile(link)
    source = Source("main", "c0ffee", "c0ffee", 1000, tar)
    return Wanted(workspace.environment, workspace.environment.application("shop"), source, project / "artefacts")


def test_what_needs_no_building_is_the_same_bytes_for_all_and_is_kept(tmp_path: Path) -> None:
    ada, ben = (wanted(tmp_path / name, mtime=mtime) for name, mtime in (("ada", 1), ("ben", 2)))

    first, second, again = ada.kept("app1", {}), ben.kept("app1", {}), ada.kept("app1", {})

    assert first is not None
    assert second is not None
    assert again is not None
    assert first.content.checksum == second.content.checksum == again.content.checksum
    assert (first.built, again.built, first.builder) == (True, False, "")
    channel = local_channel()
    channel.run(
        Batch((Archive(content=first.content, path=str(tmp_path / "release"), owner="", group=""),), along=(first.content,))
    )
    channel.close()
    found = {path.name: (path.lstat().st_mode & 0o7777, path.read_text()) for path in (tmp_path / "release").rglob("[a-z]*.html")}
    assert (found["index.html"], found["home.html"][1]) == ((0o644, "x" * 100), "x" * 100)
    assert (tmp_path / "release/bin/run").stat().st_mode & 0o7777 == 0o755


def test_a_note_that_is_torn_counts_as_none_and_what_a_killed_run_was_fetching_goes(tmp_path: Path) -> None:
    ours = wanted(tmp_path, mtime=1)
    first = ours.kept("app1", {})
    (note,) = ours.folder.glob("*.json")
    note.write_text('{"sha256": "4f')
    for name, age in (("old.1.partial", 2 * ABANDONED), ("new.1.partial", 0.0)):
        (ours.folder / name).write_text("half")
        os.utime(ours.folder / name, (time.time() - age,) * 2)

    again = ours.kept("app1", {})

    assert first is not None
    assert again is not None
    assert (again.built, again.content.checksum) == (True, first.content.checksum)
    assert [path.name for path in ours.folder.glob("*.partial")] == ["new.1.partial"]


@pytest.mark.parametrize(("size", "commands", "exclude"), [(100, "npm run build", ""), (100, "", "test/**"), (MOST_ALONG, "", "")])
def test_what_has_to_be_built_or_is_much_needs_a_host(tmp_path: Path, size: int, commands: str, exclude: str) -> None:
    assert wanted(tmp_path, mtime=1, size=size, commands=commands, exclude=exclude).kept("app1", {}) is None
