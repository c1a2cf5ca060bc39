"""Large files that are read while the program starts: only what has changed is, and only what stays as it was counts."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from windlass.agent.core import blocks
from windlass.agent.core.sums import Sums
from windlass.history import block_prints, checksums, reading_ahead
from windlass.history.checksums import remember_in
from windlass.operations import operation
from windlass.operations.operation import LocalFile


@pytest.fixture(autouse=True)
def _nothing_read(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that has read nothing yet."""
    for name, empty in (("_reading", {}), ("_read", {}), ("_answers", []), ("_since", [])):
        monkeypatch.setattr(reading_ahead, name, empty)
    monkeypatch.setattr(block_prints, "_known", {})
    monkeypatch.setattr(checksums, "_described", {})
    operation._measured.cache_clear()
    yield
    for path in list(reading_ahead._reading):
        reading_ahead.found(path)
    checksums.checksums.remember_with()


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(os.urandom(5_000_000))
    return path


def truth(path: Path) -> tuple[int, str]:
    size, digest = blocks.measured(str(path), blocks.SMALLEST)
    return size, digest.hexdigest()


def test_what_was_read_ahead_is_found_once_with_its_prints(large: Path, tmp_path: Path) -> None:
    reading_ahead.begin(tmp_path, [str(large)])

    assert reading_ahead.found(str(large)) == truth(large)
    assert reading_ahead.found(str(large)) is None
    assert list(block_prints._known) == [truth(large)[1]]


def test_several_are_read_and_asked_for_in_any_order(large: Path, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("first", "gone", "last")]
    for path in paths:
        path.write_bytes(os.urandom(5_000_000))
    reading_ahead._answers.append(reading_ahead._begun([(str(each), 5_000_000) for each in (paths[0], tmp_path / "no", paths[2])]))
    reading_ahead._reading.update({str(each): each.stat() for each in paths})

    found = [reading_ahead.found(str(each)) for each in reversed(paths)]

    assert found == [truth(paths[2]), None, truth(paths[0])]
    assert not reading_ahead._answers


def test_a_process_that_does_nothing_else_reads_by_another_one_which_leaves_nothing_open(large: Path) -> None:
    program = f"""
        from pathlib import Path
        from windlass.history import reading_ahead
        reading_ahead.begin(Path({str(large.parent)!r}), [{str(large)!r}])
        assert reading_ahead._answers[0][1], "a thread reads"
        print(*reading_ahead.found({str(large)!r}))
        reading_ahead.begin(Path({str(large.parent)!r}), [{str(large)!r}])
    """
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True, timeout=60
    )

    assert answer.stdout.split() == [str(each) for each in truth(large)]
    assert not answer.stderr


def test_a_file_that_was_changed_meanwhile_does_not_count(large: Path, tmp_path: Path) -> None:
    reading_ahead.begin(tmp_path, [str(large)])
    with large.open("ab") as handle:
        handle.write(b"more")

    assert reading_ahead.found(str(large)) is None


def test_what_is_known_gone_or_no_file_is_not_read(large: Path, tmp_path: Path) -> None:
    known = Sums(str(tmp_path / reading_ahead.collection(str(large))), reading_ahead._nothing)
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

    assert (described.size, described.checksum) == truth(large)
    assert not reading_ahead._reading, "it was read once more"
    assert checksums.large_files() == [str(large)]


def test_what_changed_after_reading_began_is_not_taken_for_settled(large: Path, tmp_path: Path) -> None:
    before = time.time_ns()
    reading_ahead.begin(tmp_path, [str(large)])
    after = time.time_ns()

    assert before <= reading_ahead.since(time.time_ns()) <= after
