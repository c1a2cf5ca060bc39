"""Files and links are replaced whole, and what nobody asked for stays as it was."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from windlass.agent.core import atomic
from windlass.agent.core.outcome import OperationError
from windlass.hosts.channel import Channel
from windlass.operations.file import File
from windlass.operations.wire import Batch


@pytest.mark.skipif(os.getuid() != 0, reason="giving files away needs root")
def test_new_content_leaves_owner_and_mode_that_nobody_named(channel: Channel, tmp_path: Path) -> None:
    path = tmp_path / "theirs"
    path.write_text("old")
    os.chown(path, 1234, 4321)
    path.chmod(0o640)

    (result,) = channel.run(Batch((File(path=str(path), content="new", owner="", group="", mode=""),)))
    (again,) = channel.run(Batch((File(path=str(path), content="new", owner="", group="", mode=""),)))

    status = path.stat()
    assert (result.status, again.status, path.read_text()) == ("changed", "ok", "new")
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 4321, 0o640)


def test_a_new_file_without_a_mode_has_the_usual_one(channel: Channel, tmp_path: Path) -> None:
    channel.run(Batch((File(path=str(tmp_path / "new"), content="x", owner="", group="", mode=""),)))

    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o644


def test_a_file_takes_the_place_of_a_link_and_not_of_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("precious")
    (tmp_path / "link").symlink_to("target")

    atomic.write(str(tmp_path / "link"), [b"new"], 0o600)

    assert (tmp_path / "target").read_text() == "precious"
    assert not (tmp_path / "link").is_symlink()


def test_a_write_that_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def chunks() -> list[bytes]:
        raise OperationError("cut off")

    with pytest.raises(OperationError, match="cut off"):
        atomic.write(str(path), (piece for _ in range(1) for piece in chunks()), 0o600)

    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_link_that_cannot_take_its_place_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    with pytest.raises(IsADirectoryError):
        atomic.replace_link(str(tmp_path / "folder"), "elsewhere")

    assert [each.name for each in tmp_path.iterdir()] == ["folder"]
