"""Archives that were unpacked, and what was done to the directory since."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from windlass.hosts.agent.results import Result
from windlass.hosts.channel import Channel
from windlass.operations.archive import Archive
from windlass.operations.wire import Batch


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    source = tmp_path / "x"
    (source / "sub").mkdir(parents=True)
    for name in ("a", "b", "c", "sub/d", "sub/e"):
        (source / name).write_text(name)
    (source / "link").symlink_to("a")
    subprocess.run(["tar", "-C", tmp_path, "-cf", tmp_path / "x.tar", "x"], check=True)
    return tmp_path / "x.tar"


def unpack(channel: Channel, archive: Path, *, check: bool = False, **fields: bool | int | tuple[str, ...]) -> Result:
    operation = Archive(content=str(archive), path=str(place(archive)), owner="", group="", **({"strip": 1} | fields))  # type: ignore[arg-type]
    (result,) = channel.run(Batch((operation,), check=check, go_on=True))
    return result


def place(archive: Path) -> Path:
    return archive.parent / "app"


def test_what_was_deleted_or_changed_is_put_back_and_what_others_put_there_stays(channel: Channel, archive: Path) -> None:
    unpack(channel, archive)
    app = place(archive)
    (app / "a").unlink()
    (app / "b").write_text("B")  # of the same size
    (app / "c").chmod(0o600)
    (app / "link").unlink()
    (app / "link").symlink_to("b")
    (app / "theirs").write_text("theirs")

    foreseen, done, again = unpack(channel, archive, check=True), unpack(channel, archive), unpack(channel, archive)

    assert foreseen.summary == done.summary == "put back 4 files and folders"
    assert foreseen.diff.splitlines() == [f"{app}/{name}: as in the archive" for name in ("a", "b", "c", "link")]
    assert again.status == "ok"
    assert [(app / name).read_text() for name in ("a", "b", "c", "link", "theirs")] == ["a", "b", "c", "a", "theirs"]
    assert sorted(each.name for each in archive.parent.iterdir()) == ["app", "x", "x.tar"]


def test_a_change_that_keeps_size_and_time_is_found(channel: Channel, archive: Path) -> None:
    unpack(channel, archive)
    file = place(archive) / "a"
    times = file.stat()
    file.write_text("A")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert unpack(channel, archive, check=True).summary == unpack(channel, archive).summary == "put back a"
    assert file.read_text() == "a"
    assert unpack(channel, archive).status == "ok"


def test_what_was_only_touched_is_right_and_is_read_once(channel: Channel, archive: Path) -> None:
    """Another name, a mode there and back, a backup that was played back with other times."""
    unpack(channel, archive)
    app, marker = place(archive), place(archive) / ".archive-sha256"
    (archive.parent / "other-name").hardlink_to(app / "a")
    mode = (app / "b").stat().st_mode
    (app / "b").chmod(0o600)
    (app / "b").chmod(mode)
    (app / "c").unlink()
    (app / "c").write_text("c")
    (app / "c").chmod(mode)
    noted = marker.read_text()

    foreseen = unpack(channel, archive, check=True)
    unread = marker.read_text()
    results = [unpack(channel, archive) for _ in range(2)]

    assert [each.status for each in (foreseen, *results)] == ["ok"] * 3
    assert unread == noted != marker.read_text()
    assert archive.parent.joinpath("other-name").samefile(app / "a")


def test_what_is_no_file_any_more_is_not_read(channel: Channel, archive: Path) -> None:
    (archive.parent / "x" / "a").write_text("")
    (archive.parent / "x" / "a").chmod(0o644)
    subprocess.run(["tar", "-C", archive.parent, "-cf", archive, "x"], check=True)
    unpack(channel, archive)
    (place(archive) / "a").unlink()
    os.mkfifo(place(archive) / "a")
    (place(archive) / "a").chmod(0o644)

    assert unpack(channel, archive).summary == "put back a"
    assert (place(archive) / "a").is_file()


def test_a_folder_that_was_deleted_comes_back_with_all_that_is_in_it(channel: Channel, archive: Path) -> None:
    unpack(channel, archive)
    subprocess.run(["rm", "-r", place(archive) / "sub"], check=True)

    assert unpack(channel, archive).summary == "put back 3 files and folders"
    assert (place(archive) / "sub" / "e").read_text() == "sub/e"
    assert unpack(channel, archive).status == "ok"


def test_with_compare_off_only_the_checksum_counts(channel: Channel, archive: Path) -> None:
    unpack(channel, archive, compare=False)
    (place(archive) / "a").unlink()

    assert unpack(channel, archive, compare=False).status == "ok"


def test_unpacked_in_another_way_is_another_archive(channel: Channel, archive: Path) -> None:
    unpack(channel, archive)

    refused = unpack(channel, archive, exclude=("sub",))
    done = unpack(channel, archive, exclude=("sub",), replace=True)

    assert "holds something else" in refused.message
    assert done.summary == "unpack"
    assert not (place(archive) / "sub").exists()


def moved(app: Path) -> None:
    (app / "sub").rename(app.parent / "roomy")
    (app / "sub").symlink_to(app.parent / "roomy")


def damaged(app: Path) -> None:
    moved(app)
    (app / "sub" / "d").write_text("changed")


def in_the_way(app: Path) -> None:
    subprocess.run(["rm", "-r", app / "sub"], check=True)
    (app / "sub").write_text("theirs")


@pytest.mark.parametrize(
    ("change", "said"), [(moved, ""), (damaged, "sub is a link now"), (in_the_way, "is in the place of a folder of the archive's")]
)
def test_a_link_in_the_place_of_a_folder_is_right_but_nothing_is_written_through_it(
    channel: Channel, archive: Path, change: Callable[[Path], None], said: str
) -> None:
    unpack(channel, archive)
    change(place(archive))

    result = unpack(channel, archive)

    assert said in result.message
    assert result.failed == bool(said)


def test_a_directory_of_before_this_was_noted_is_right(channel: Channel, archive: Path) -> None:
    unpack(channel, archive)
    marker = place(archive) / ".archive-sha256"
    marker.write_text(marker.read_text().splitlines()[0] + "\n")

    assert unpack(channel, archive).status == "ok"
