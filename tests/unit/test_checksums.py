"""Checksums that are remembered: never another file's, however well it looks like the one that was read."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from windlass.agent.core import atomic, frames, host_memory, host_sums, sums
from windlass.agent.core.host_sums import HostSums
from windlass.agent.core.sums import Sums
from windlass.history.checksums import remember_in
from windlass.operations import checksums, operation
from windlass.operations.local_tree import LocalTree
from windlass.operations.operation import LocalFile

OLD = Path(json.__file__)  # a file that nobody has changed for a while


class Reader:
    """Reads files, and counts them."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, path: str, size: int) -> tuple[int, str]:
        self.read.append(path)
        return checksums.measured(path, size)


def measured(kept: Path, path: Path, reader: Reader) -> tuple[int, str]:
    """A file's size and checksum by a collection of its own, as one run would find them."""
    collection = Sums(str(kept), reader)
    found = collection.measure("", str(path), path.stat())
    collection.keep()
    return found


def note(kept: Path, path: Path, sha256: str = "as it was noted") -> None:
    """As if it had been read long enough after its last change."""
    collection = Sums(str(kept), checksums.measured)
    collection.note("", path.stat(), sha256)
    collection.keep()


def test_a_file_that_stays_is_read_once(tmp_path: Path) -> None:
    reader = Reader()
    found = [measured(tmp_path / "kept", OLD, reader) for _ in range(3)]

    assert set(found) == {(OLD.stat().st_size, hashlib.sha256(OLD.read_bytes()).hexdigest())}
    assert reader.read == [str(OLD)]
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o600


def test_one_that_was_changed_a_moment_ago_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new"
    path.write_text("new")
    os.utime(path, (time.time() + 60, time.time() + 60))  # so that a slow machine does not make it an old one
    reader = Reader()
    for _ in range(2):
        measured(tmp_path / "kept", path, reader)

    assert len(reader.read) == 2


@pytest.mark.parametrize(("times", "later", "settled"), [(7, 51, True), (7, 49, False), (0, 51, False), (0, 2001, True)])
def test_times_with_parts_of_seconds_settle_sooner(tmp_path: Path, times: int, later: int, *, settled: bool) -> None:
    path = tmp_path / "file"
    path.touch()
    found = list(path.stat())
    status = os.stat_result(found, {"st_mtime_ns": 10**18 + times, "st_ctime_ns": 10**18 + times})

    assert Sums("", checksums.measured).is_settled(status, 10**18 + times + later * 10**6) is settled


def change_and_set_back(path: Path) -> None:
    """Other content of the same length, and the old time of change: only the inode's time tells."""
    before = path.stat()
    path.write_text(path.read_text().swapcase())
    while path.stat().st_ctime_ns == before.st_ctime_ns or path.stat().st_mtime_ns != before.st_mtime_ns:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: Path) -> None:
    """Another file in its place, of the same length and time of change."""
    before = path.stat()
    (path.parent / "other").write_text(path.read_text().swapcase())
    os.utime(path.parent / "other", ns=(before.st_atime_ns, before.st_mtime_ns))
    (path.parent / "other").replace(path)


@pytest.mark.parametrize("change", [change_and_set_back, replace])
def test_a_change_that_hides_is_found(tmp_path: Path, change: object) -> None:
    path, reader = tmp_path / "file", Reader()
    path.write_text("content")
    note(tmp_path / "kept", path)
    assert measured(tmp_path / "kept", path, reader) == (7, "as it was noted")

    change(path)  # type: ignore[operator]

    assert measured(tmp_path / "kept", path, reader) == (7, hashlib.sha256(b"CONTENT").hexdigest())


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"": []}', '{"": [1, 2, 3, 4, 5, 6]}', '{"": 1}', "\ud800"])
def test_what_is_kept_may_be_anything(tmp_path: Path, kept: str) -> None:
    (tmp_path / "kept").write_bytes(kept.encode("utf-8", "surrogatepass"))

    assert measured(tmp_path / "kept", OLD, Reader())[0] == OLD.stat().st_size


def test_where_nothing_can_be_kept_files_are_read(tmp_path: Path) -> None:
    reader = Reader()
    for _ in range(2):
        measured(tmp_path / "missing" / "kept", OLD, reader)

    assert len(reader.read) == 2


def test_only_so_many_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "MOST_KEPT", 3)
    for number in range(5):
        note(tmp_path / str(number), OLD)
        os.utime(tmp_path / str(number), (number, number))
    note(tmp_path / "last", OLD)

    assert sorted(each.name for each in tmp_path.iterdir()) == ["3", "4", "last"]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    checksums.remember_with()


def test_a_project_remembers_its_trees_and_large_files(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operation, "REMEMBERED_FROM", 1)
    kept = remember_in(project)
    tree = LocalTree.of(OLD.parent, exclude=["__pycache__"])
    file = LocalFile.of(OLD)
    kept.keep()
    monkeypatch.setattr(checksums, "measured", _never)
    remember_in(project)
    operation._measured.cache_clear()  # as in a new process

    assert len(list((project / ".windlass" / "checksums").iterdir())) == 2
    assert LocalTree.of(OLD.parent, exclude=["__pycache__"]) == tree
    assert LocalFile.of(OLD) == file


def _never(path: str, size: int) -> tuple[int, str]:
    raise AssertionError(f"{path} ({size} bytes) was read")


def test_a_tree_by_other_patterns_is_another_collection(project: Path) -> None:
    for _ in range(2):
        kept = remember_in(project)
        assert len(LocalTree.of(OLD.parent, include=["*.py"]).entries) > 2
        assert LocalTree.of(OLD.parent, include=["*.nothing"]).entries == ()
        kept.keep()

    assert len(list((project / ".windlass" / "checksums").iterdir())) == 1  # of no files nothing is kept


def test_a_project_that_is_gone_does_not_come_back(project: Path) -> None:
    kept = remember_in(project / "gone")
    LocalTree.of(OLD.parent, include=["*.py"])
    kept.keep()

    assert list(project.iterdir()) == []


@pytest.fixture
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of root's as the agent has just written it."""
    if os.geteuid():
        pytest.skip("only root's files count")
    monkeypatch.setattr(host_memory, "FOLDER", str(tmp_path / "sums"))
    path = tmp_path / "roots"
    path.write_text("content")
    return path


@pytest.mark.parametrize(("mode", "later", "settled"), [(0o644, 1, True), (0o644, 0, False), (0o664, 1, False), (0o646, 1, False)])
def test_a_host_remembers_what_root_alone_may_write(roots: Path, mode: int, later: int, *, settled: bool) -> None:
    roots.chmod(mode)
    status = roots.stat()

    assert HostSums("").is_settled(status, status.st_ctime_ns + later * 10**9 // 2 * 5) is settled


def test_a_host_does_not_remember_what_belongs_to_others(roots: Path) -> None:
    os.chown(roots, 12345, 12345)

    assert not HostSums("").is_settled(roots.stat(), roots.stat().st_ctime_ns + 10**10)


def written(path: Path) -> os.stat_result:
    """As the agent writes: the last change of the content is older than that of the name by more than a tick of the clock."""
    installed = path.stat()
    moment = installed.st_mtime_ns - 10**9
    os.utime(path, ns=(moment, moment - (moment % 10**9 == 0)))
    installed = path.stat()
    path.rename(path.with_name("named"))
    path.with_name("named").rename(path)
    return installed


def test_what_the_host_has_just_written_it_knows(roots: Path) -> None:
    host_sums.wrote(str(roots), written(roots), "as it was written")

    assert host_sums.checksum_of(str(roots), keep=False) == "as it was written"


@pytest.mark.parametrize("change", [change_and_set_back, replace])
def test_and_what_came_after_that_is_read(roots: Path, change: object) -> None:
    host_sums.wrote(str(roots), written(roots), "as it was written")
    change(roots)  # type: ignore[operator]

    assert host_sums.checksum_of(str(roots), keep=False) == hashlib.sha256(b"CONTENT").hexdigest()


def test_what_changed_between_its_name_and_its_note_is_not_noted(roots: Path) -> None:
    installed = written(roots)
    roots.write_text("CONTENT")
    host_sums.wrote(str(roots), installed, "as it was written")

    assert host_sums.checksum_of(str(roots), keep=False) == hashlib.sha256(b"CONTENT").hexdigest()


def test_a_large_file_is_known_at_once_however_soon_it_gets_its_name_after_the_last_byte(roots: Path) -> None:
    installed = atomic.write(str(roots), [bytes(frames.REMEMBERED_FROM)], 0o644)
    host_sums.wrote(str(roots), installed, "as it was written")

    assert host_sums.checksum_of(str(roots), keep=False) == "as it was written"

    with roots.open("r+b") as handle:
        handle.write(b"changed at once")

    assert host_sums.checksum_of(str(roots), keep=False) == hashlib.sha256(roots.read_bytes()).hexdigest()


def test_a_folder_that_others_may_look_into_is_not_used(roots: Path) -> None:
    Path(host_memory.FOLDER).mkdir(mode=0o755)
    host_sums.wrote(str(roots), written(roots), "as it was written")

    assert list(Path(host_memory.FOLDER).iterdir()) == []
    assert host_sums.checksum_of(str(roots), keep=True) == hashlib.sha256(b"content").hexdigest()
