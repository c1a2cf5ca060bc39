"""Large files that are read while the program starts: only what has changed is, and only what stays as it was counts."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from windlass.agent.core.sums import Sums, named
from windlass.history import checksums, reading_ahead
from windlass.history.checksums import remember_in
from windlass.operations import operation
from windlass.operations.operation import LocalFile


@pytest.fixture(autouse=True)
def _nothing_read(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that has read nothing yet."""
    monkeypatch.setattr(reading_ahead, "_reading", {})
    monkeypatch.setattr(reading_ahead, "_since", [])
    monkeypatch.setattr(checksums, "_described", {})
    operation._measured.cache_clear()
    yield
    checksums.checksums.remember_with()


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(os.urandom(5_000_000))
    return path


def truth(path: Path) -> tuple[int, str]:
    return path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_was_read_ahead_is_found_once(large: Path, tmp_path: Path) -> None:
    reading_ahead.begin(tmp_path, [str(large)])

    assert reading_ahead.found(str(large)) == truth(large)
    assert reading_ahead.found(str(large)) is None


def test_a_file_that_was_changed_meanwhile_does_not_count(large: Path, tmp_path: Path) -> None:
    reading_ahead.begin(tmp_path, [str(large)])
    with large.open("ab") as handle:
        handle.write(b"more")

    assert reading_ahead.found(str(large)) is None


def test_what_is_known_gone_or_no_file_is_not_read(large: Path, tmp_path: Path) -> None:
    known = Sums(str(tmp_path / named(str(large))), reading_ahead._nothing)
    known.note("", large.stat(), "as it was noted")
    known.keep()

    reading_ahead.begin(tmp_path, [str(large), str(tmp_path / "gone")])
    assert not reading_ahead._reading
    reading_ahead.begin(tmp_path, [str(tmp_path)])
    assert reading_ahead.found(str(tmp_path)) is None


def test_a_project_takes_what_was_read_ahead_and_names_its_large_files(large: Path, tmp_path: Path) -> None:
    remember_in(tmp_path)
    reading_ahead.begin(tmp_path / ".windlass" / "checksums", [str(large)])

    described = LocalFile.of(large)

    assert (described.size, described.sha256) == truth(large)
    assert not reading_ahead._reading, "it was read once more"
    assert checksums.large_files() == [str(large)]


def test_what_changed_after_reading_began_is_not_taken_for_settled(large: Path, tmp_path: Path) -> None:
    before = time.time_ns()
    reading_ahead.begin(tmp_path, [str(large)])
    after = time.time_ns()

    assert before <= reading_ahead.since(time.time_ns()) <= after
