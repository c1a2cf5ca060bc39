"""A stored part that is read back while it is still being written: its checksum is that of the file, or there is none."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from windlass.stores import read_behind
from windlass.stores.directory import DirectoryStore
from windlass.stores.read_behind import ReadBehind

CONTENT = os.urandom(250_000)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_behind, "STEP", 30_000)
    monkeypatch.setattr(read_behind, "PIECE", 7_000)


def written(path: Path, *, hashes: bool = True, then: Callable[[Path], object] = lambda _path: None) -> ReadBehind:
    """A file whose first half was read before the second one is written."""
    behind = ReadBehind(path, hashes=hashes)
    with path.open("wb", buffering=0) as handle:
        for start in range(0, len(CONTENT), 10_000):
            behind.wrote(handle.write(CONTENT[start : start + 10_000]))
            while start == 120_000 and hashes and behind._read < 100_000:
                time.sleep(0.001)
    behind.stop()
    behind.whole()
    then(path)
    return behind


def test_the_checksum_is_that_of_the_whole_file(tmp_path: Path) -> None:
    assert written(tmp_path / "part").sha256() == hashlib.sha256(CONTENT).hexdigest()


def test_a_short_file_is_read_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "part"
    behind = ReadBehind(path, hashes=True)
    path.write_bytes(b"short")
    behind.wrote(5)
    behind.stop()
    behind.whole()

    assert behind.sha256() == hashlib.sha256(b"short").hexdigest()


def damage(path: Path) -> None:
    """A byte that was read already."""
    time.sleep(0.05)  # a file system's clock ticks every few milliseconds
    with path.open("r+b") as handle:
        handle.write(bytes([CONTENT[0] ^ 1]))


def cut(path: Path) -> None:
    os.truncate(path, 1000)


def exchange(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(CONTENT)
    other.replace(path)


@pytest.mark.parametrize("change", [damage, cut, exchange])
def test_what_was_changed_since_is_read_anew(tmp_path: Path, change: Callable[[Path], object]) -> None:
    assert written(tmp_path / "part", then=change).sha256() == ""


def test_without_a_wish_for_it_nothing_is_hashed(tmp_path: Path) -> None:
    behind = written(tmp_path / "part", hashes=False)

    assert (behind.sha256(), behind._read) == ("", 0)


def test_what_cannot_be_followed_is_read_anew(tmp_path: Path) -> None:
    behind = ReadBehind(tmp_path / "part", hashes=True)
    behind.wrote(100_000)  # and no file is there
    behind.stop()
    (tmp_path / "part").write_bytes(CONTENT)
    behind.whole()

    assert behind.sha256() == ""


@pytest.mark.parametrize("name", ["dump.zst", "dump.zst.age"])
def test_a_draft_tells_what_is_stored_also_after_somebody_has_changed_it(tmp_path: Path, name: str) -> None:
    draft = DirectoryStore(tmp_path / "backups").begin("shop", "a")
    with draft.delivery(name) as delivery:
        for start in range(0, len(CONTENT), 10_000):
            delivery.take(1, CONTENT[start : start + 10_000])
    before = draft.digest(name, len(CONTENT), lambda *_: {})
    damage(draft.local(name))

    assert before == hashlib.sha256(CONTENT).hexdigest()
    assert draft.digest(name, len(CONTENT), lambda *_: {}) == hashlib.sha256(draft.local(name).read_bytes()).hexdigest() != before
