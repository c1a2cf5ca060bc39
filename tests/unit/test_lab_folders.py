"""Files are whole or absent, and under sudo they belong to the person who called."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from windlass.lab.folders import cache, give_contents_to_user, locked, make_for_user, write_whole


def test_a_file_is_replaced_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("old")

    write_whole(path, "new", mode=0o600)

    assert (path.read_text(), path.stat().st_mode & 0o777, [*tmp_path.iterdir()]) == ("new", 0o600, [path])


def test_under_sudo_only_what_was_made_is_given_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[Path, int, int]] = []
    monkeypatch.setattr(os, "chown", lambda path, user, group, **_flags: given.append((path, user, group)))
    monkeypatch.setenv("SUDO_UID", "1234")
    monkeypatch.setenv("SUDO_GID", "5678")

    make_for_user(tmp_path / "labs/try")
    make_for_user(tmp_path / "labs/try")
    (tmp_path / "labs/try/key").write_text("")
    give_contents_to_user(tmp_path / "labs/try")

    made = [tmp_path / "labs/try", tmp_path / "labs", tmp_path / "labs/try/key"]
    assert given == [(path, 1234, 5678) for path in made]


def test_without_sudo_nothing_is_given_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.delattr(os, "chown")

    make_for_user(tmp_path / "labs/try")

    assert (tmp_path / "labs/try").is_dir()


def test_the_cache_can_be_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WINDLASS_LAB_CACHE", str(tmp_path))
    elsewhere = cache()
    monkeypatch.delenv("WINDLASS_LAB_CACHE")

    assert (elsewhere, cache()) == (tmp_path, Path("/var/cache/windlass/lab"))


def test_a_lock_whose_file_was_deleted_by_its_holder_can_be_taken_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WINDLASS_LAB_CACHE", str(tmp_path))
    with locked("one", print) as lock:
        lock.unlink()
        gone = not lock.exists()

    with locked("one", print) as lock:
        assert (gone, lock.exists()) == (True, True)


def test_who_waits_for_a_lock_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The holder lets go only after the other has said that it waits."""
    monkeypatch.setenv("WINDLASS_LAB_CACHE", str(tmp_path))
    taken, let_go = threading.Event(), threading.Event()
    said: list[str] = []

    def hold() -> None:
        with locked("one", print):
            taken.set()
            let_go.wait(60)

    def say(line: str) -> None:
        said.append(line)
        let_go.set()

    holder = threading.Thread(target=hold)
    holder.start()
    taken.wait(60)
    with locked("one", say):
        holder.join()

    assert said == ["another command works on this lab: waiting for it"]
