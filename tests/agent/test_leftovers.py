"""What a killed agent was writing: a later one finds it and removes it, and nothing that somebody still writes."""

from __future__ import annotations

import os
import signal
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from windlass.agent.archive import _beside
from windlass.agent.core import atomic, leftovers
from windlass.agent.core.context import Context
from windlass.agent.file import received


@pytest.fixture(autouse=True)
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the host notes down what is being written."""
    monkeypatch.setattr(leftovers, "FOLDER", str(tmp_path / "begun"))
    monkeypatch.setattr(leftovers, "_swept", 0)
    return tmp_path / "begun"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    (tmp_path / "there").mkdir()
    return tmp_path / "there"


def killed(deed: Callable[[], object]) -> None:
    """Done by a process that kills itself in the middle."""
    process_id = os.fork()
    if process_id == 0:
        try:
            deed()
        finally:
            os._exit(1)
    assert os.waitpid(process_id, 0)[1] == signal.SIGKILL


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def chunks() -> Iterator[bytes]:
    yield b"half"
    kill()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_half_a_file_of_a_killed_agent_goes_when_the_next_one_writes(there: Path, notes: Path) -> None:
    (there / "file").write_text("old")
    killed(lambda: atomic.write(str(there / "file"), chunks(), 0o600))
    assert len(names(there)) == 2

    atomic.write(str(there / "other"), [b"new"], 0o600)

    assert names(there) == ["file", "other"]
    assert (there / "file").read_text() == "old"
    assert names(notes) == []


def test_what_is_still_being_written_stays(there: Path, notes: Path) -> None:
    (there / ".file.abc").write_text("half")
    note = leftovers.begin(str(there / ".file.abc"))

    leftovers.sweep()

    assert names(there) == [".file.abc"]
    leftovers.end(note)
    assert names(notes) == []


def test_what_has_its_name_by_now_and_what_is_none_of_ours_stays(there: Path, notes: Path) -> None:
    (there / "precious").write_text("precious")
    (there / ".link").symlink_to("precious")
    killed(lambda: (leftovers.begin(str(there / ".renamed")), leftovers.begin(str(there / ".link")), kill()))

    leftovers.sweep()

    assert names(there) == [".link", "precious"]
    assert names(notes) == []


def left_folder(there: Path, name: str) -> Path:
    """A folder in which an agent worked when it was killed."""
    (there / name).mkdir()
    (there / name / "part").write_text("half")
    killed(lambda: (leftovers.begin(str(there / name)), kill()))
    return there / name


def test_a_folder_waits_for_whoever_goes_on_with_it_until_it_is_old(there: Path, notes: Path) -> None:
    left_folder(there, ".windlass-tree-abc")

    leftovers.sweep()
    assert names(there) == [".windlass-tree-abc"]

    long_ago = time.time() - leftovers.LONGEST - 60
    for note in notes.iterdir():
        os.utime(note, (long_ago, long_ago), follow_symlinks=False)
    leftovers.sweep()
    assert names(there) == []
    assert names(notes) == []


def test_the_same_done_again_removes_what_the_killed_one_left(there: Path, notes: Path) -> None:
    left_folder(there, ".tree.abc")
    left_folder(there, ".tree2.abc")
    arguments = {"path": str(there / "tree"), "content": str(there / "archive.tar"), "owner": "", "group": "", "strip": 0}
    arguments |= {"include": None, "exclude": None, "compare": False, "marker": ".archive-sha256"}
    with tarfile.open(there / "archive.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("begun"))

    with _beside(arguments, Context(lambda _frame: None)):
        pass

    assert names(there) == [".tree2.abc", "archive.tar"]


def test_without_a_place_for_notes_it_is_written_all_the_same(there: Path, notes: Path) -> None:
    notes.write_text("in the way")

    atomic.write(str(there / "file"), [b"new"], 0o600)

    assert names(there) == ["file"]


def test_content_too_small_to_be_kept_is_removed_as_well(there: Path, notes: Path) -> None:
    (there / ".file.abc").write_text("half")
    content = {"checksum": "0" * 64, "size": 1000}
    killed(lambda: (received(content, Context(lambda _frame: None)).begins(str(there / ".file.abc")), kill()))

    leftovers.sweep()

    assert names(there) == names(notes) == []


def test_what_is_no_note_of_ours_is_left_alone_and_holds_up_nobody(there: Path, notes: Path) -> None:
    notes.mkdir(exist_ok=True)
    for name in ("README", "1.2", "x.y.z"):
        (notes / name).write_text("somebody's")

    leftovers.sweep()
    atomic.write(str(there / "file"), [b"new"], 0o600)

    assert names(there) == ["file"]
    assert {"README", "x.y.z"} <= set(names(notes))
