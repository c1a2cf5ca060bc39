"""The script that takes a change back, where its way is not clear."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from windlass.agent.core import trial
from windlass.agent.core.trial import Place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(trial, "STATE", str(tmp_path / "state"))
    monkeypatch.setattr(trial, "UNITS", str(tmp_path / "units"))
    return Place("sshd")


def on_trial(place: Place, *paths: Path) -> None:
    """As if a timer were armed: everything is put aside, then all of it is changed."""
    place.prepare("token", [str(path) for path in paths], b"", "touch undone")
    Path(place.folder, "making").rename(Path(place.folder, "pending"))


def way_back(place: Place) -> int:
    return subprocess.run(["sh", f"{place.folder}/restore.sh"], capture_output=True, check=False).returncode


def test_what_cannot_be_renamed_into_its_place_is_written_there(place: Place, tmp_path: Path) -> None:
    path, fresh = tmp_path / "sshd_config", tmp_path / "fresh"
    path.write_text("old")
    on_trial(place, path, fresh)
    path.write_text("new")
    fresh.write_text("new")
    passing = tmp_path / ".sshd_config.before"
    (passing / "in the way").mkdir(parents=True)

    assert way_back(place) == 0
    assert (path.read_text(), fresh.exists(), passing.exists(), place.state("token")) == ("old", False, False, "restored")


def test_a_folder_that_is_not_empty_gets_its_files_back(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "sudoers.d"
    folder.mkdir()
    (folder / "team").write_text("old")
    on_trial(place, folder)
    (folder / "team").write_text("new")

    assert way_back(place) == 0
    assert (folder / "team").read_text() == "old"


def test_what_cannot_be_put_back_stays_aside_until_it_can(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "sshd_config").write_text("old")
    on_trial(place, folder / "sshd_config")
    folder.rename(tmp_path / "away")

    first = way_back(place), place.state("token")
    folder.mkdir()
    second = way_back(place), place.state("token")

    assert (first, second) == ((1, "pending"), (0, "restored"))
    assert (folder / "sshd_config").read_text() == "old"
