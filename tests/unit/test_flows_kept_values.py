"""What a run takes its values from, kept cheaply."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.unit.sample_project import write_project
from windlass.flows import kept_values
from windlass.flows.kept_archive import unfold
from windlass.flows.kept_values import LARGEST, MOST_FILES, changed_since, folder_of, keep, sweep
from windlass.operations.local_tree import LocalTree


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path)


def archives(project: Path) -> set[str]:
    return {path.name.partition(".")[0] for path in folder_of(project).glob("*.tar.gz")}


def test_runs_share_an_archive_as_long_as_nothing_changes(project: Path) -> None:
    first, again = keep(project, "staging"), keep(project, "staging")
    (project / "inventories/production/hosts.yml").write_text("of another environment")
    (project / "inventories/staging/notes.txt").write_text("that nothing reads")
    still = keep(project, "staging")

    assert first == (again[0], True)
    assert (again[1], still) == (False, (first[0], False))


@pytest.mark.parametrize("name", ["inventories/staging/hosts.yml", "roles/greeting/steps.py", "templates/greeting/motd"])
def test_whatever_counts_makes_another_one(project: Path, name: str) -> None:
    before = keep(project, "staging")[0]
    path = project / name
    path.write_bytes(path.read_bytes()[:-1] + b"#")  # of the same length

    assert keep(project, "staging") == (next(iter(archives(project) - {before})), True)


def test_it_is_for_its_owner_alone(project: Path) -> None:
    (project / ".windlass/resume").mkdir(parents=True)
    (project / ".windlass/resume").chmod(0o755)  # as an earlier version left it
    name, _new = keep(project, "staging")
    place = unfold(project, name, "run")

    assert (folder_of(project).stat().st_mode & 0o777, place.stat().st_mode & 0o777) == (0o700, 0o700)
    assert (folder_of(project) / f"{name}.tar.gz").stat().st_mode & 0o777 == 0o600


def test_a_tree_of_a_role_comes_back_as_it_was(project: Path) -> None:
    """Bits and empty folders are part of what a host is compared with."""
    files = project / "roles/greeting/files"
    (files / "empty").mkdir(parents=True)
    (files / "empty").chmod(0o750)
    (files / ".hidden").write_bytes(b"\x00\xff")
    Path(os.fsdecode(os.fsencode(files) + b"/no \xff text")).touch()
    (files / "run").write_text("#!/bin/sh\n")
    (files / "run").chmod(0o755)
    shared = project / "shared"
    shared.mkdir()
    (shared / "one").write_text("1")
    (files / "linked").symlink_to(shared)
    (files / "once more").symlink_to(shared)
    (shared / "round").symlink_to(shared)
    place = unfold(project, keep(project, "staging")[0], "run")

    found = {entry.path: (entry.kind, entry.mode) for entry in LocalTree.of(place / "roles/greeting/files").entries}

    assert found["run"] == ("f", 0o755)
    assert found["empty"] == ("d", 0o750)
    assert {".hidden", "linked/one", "once more/one", "no \udcff text"} <= set(found)
    assert not any("round" in path for path in found)
    assert (place / "roles/greeting/files/.hidden").read_bytes() == b"\x00\xff"


def test_a_large_file_is_taken_as_it_is(project: Path) -> None:
    large = project / "roles/greeting/large"
    large.write_bytes(b"x" * (LARGEST + 1))
    name, _new = keep(project, "staging")
    place = unfold(project, name, "run")

    assert (folder_of(project) / f"{name}.tar.gz").stat().st_size < LARGEST // 10
    assert (place / "roles/greeting/large").samefile(large)
    assert changed_since(project, place, "staging") == ()
    (project / "templates/greeting/motd").unlink()
    assert changed_since(project, place, "staging") == ("templates/greeting/motd (gone)",)
    large.write_bytes(b"y" * (LARGEST + 1))
    os.utime(large, (0, large.stat().st_mtime + 5))  # written in place, for the clock of a disk takes its time
    assert changed_since(project, place, "staging") == ("roles/greeting/large", "templates/greeting/motd (gone)")
    large.write_bytes(b"small")
    os.utime(large, (0, large.stat().st_mtime + 5))
    assert changed_since(project, place, "staging") == ("roles/greeting/large", "templates/greeting/motd (gone)")


def test_too_much_is_not_kept(project: Path) -> None:
    folder = project / "roles/greeting/files"
    folder.mkdir()
    for number in range(MOST_FILES):
        (folder / str(number)).touch()

    assert keep(project, "staging") == ("", False)
    assert archives(project) == set()


def test_too_many_bytes_are_not_kept_either(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_values, "MOST_BYTES", 10)

    assert keep(project, "staging") == ("", False)


def test_what_no_run_has_use_for_goes_and_what_one_has_just_taken_stays(project: Path) -> None:
    names = []
    for text in "abc":
        (project / "templates/greeting/motd").write_text(text)
        names.append(keep(project, "staging")[0])
    left, other = folder_of(project) / "run.killed", folder_of(project) / "run.at-work"
    left.mkdir()
    other.mkdir()
    long_ago = time.time() - 2 * 86400
    half = folder_of(project) / f"{names[2]}.tar.gz.4711"
    half.touch()
    for path in (*(folder_of(project) / f"{name}.tar.gz" for name in names[:2]), left, half):
        os.utime(path, (long_ago, long_ago))

    sweep(project, [names[0]])

    assert archives(project) == {names[0], names[2]}
    assert (left.exists(), half.exists(), other.exists()) == (False, False, True)
