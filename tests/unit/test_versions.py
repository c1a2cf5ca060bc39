"""Where a large file differs from its version before: whatever the changes, the ranges and the old version make the new one."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from windlass.agent.core import delta as agent
from windlass.history import versions
from windlass.history.versions import Versions
from windlass.hosts import delta

SIZE = 6_000_000
CONTENT = random.Random(86).randbytes(SIZE)  # noqa: S311 - the same in every run
MIDDLE = 4096 * 700


@pytest.fixture(autouse=True)
def _nothing_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "_read", {})


def read(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    size, sha256 = versions.read(str(path))
    assert (size, sha256) == (len(content), hashlib.sha256(content).hexdigest())
    return sha256


@pytest.mark.parametrize(
    ("change", "most"),
    [
        pytest.param(lambda old: old[:MIDDLE] + b"other" + old[MIDDLE + 5 :], 9_000, id="overwritten"),
        pytest.param(lambda old: b"x" + old[1:-1] + b"x", 9_000, id="at both ends"),
        pytest.param(lambda old: old + b"appended", 9_000, id="appended"),
        pytest.param(lambda old: old[: SIZE - 1_000_000], 9_000, id="cut off"),
        pytest.param(lambda old: old[: 4096 * 1000], 100, id="cut off where a block ends"),
        pytest.param(lambda old: old[:MIDDLE] + os.urandom(1_000_000) + old[MIDDLE + 1_000_000 :], 1_010_000, id="much"),
    ],
)
def test_ranges_and_the_old_version_make_the_new_one(tmp_path: Path, change: Callable[[bytes], bytes], most: int) -> None:
    path, before = tmp_path / "file", tmp_path / "before"
    old = read(path, CONTENT)
    known = Versions(tmp_path)
    assert known.since(str(path), old) is None
    known.keep()
    new = change(CONTENT)
    since = Versions(tmp_path).since(str(path), read(path, new))
    assert since
    assert since.sha256 == old
    before.write_bytes(CONTENT)
    with path.open("rb") as handle:
        told = b"".join(delta.since(handle, since.ranges))

    assert b"".join(agent.put_together(str(before), iter([told]))) == new
    assert len(told) < most


def test_what_was_moved_is_left_to_who_looks_for_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    known = Versions(tmp_path)
    known.since(str(path), read(path, CONTENT))

    assert known.since(str(path), read(path, b"inserted" + CONTENT)) is None


def test_a_run_that_only_looked_takes_the_version_before_from_nobody(tmp_path: Path) -> None:
    path = tmp_path / "file"
    known = Versions(tmp_path)
    old = read(path, CONTENT)
    known.since(str(path), old)
    new = read(path, b"x" + CONTENT[1:])
    known.since(str(path), new)
    known.keep()
    versions._read.clear()

    again = Versions(tmp_path).since(str(path), new)

    assert again
    assert again.sha256 == old


@pytest.mark.parametrize("kept", ["", "{", "{}", "[{}]", '[{"size": "x", "sha256": 1, "block": 1, "prints": 1}]'])
def test_what_is_kept_may_be_anything(tmp_path: Path, kept: str) -> None:
    path = tmp_path / "file"
    known = Versions(tmp_path)
    known._place(str(path)).write_text(kept)
    known._place(str(path)).chmod(0o600)

    assert known.since(str(path), read(path, CONTENT)) is None
