"""The store in a folder: visible whole or not at all, for its owner alone, and nothing in it is guessed."""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from windlass.errors import BackupError
from windlass.stores.directory import DirectoryStore
from windlass.stores.instructions import instructions
from windlass.stores.manifest import DUMP, GLOBALS, Manifest, Part, Proof, read_manifest, written
from windlass.stores.published import Stored

NIGHT = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)


def manifest(backup_id: str, taken: datetime = NIGHT, **changes: object) -> Manifest:
    values = {
        "id": backup_id,
        "name": "shop",
        "environment": "staging",
        "host": "db1",
        "database": "shop",
        "operator": "ada@desk",
        "started": taken,
        "taken": taken,
        "ended": taken + timedelta(minutes=1),
        "verified_at": taken + timedelta(minutes=1),
        "server_version": "15.20 (Debian)",
        "pg_dump": "pg_dump 15.20",
        "windlass": "1",
        "parts": {DUMP: Part(sha256="0" * 64, stored_bytes=5, raw_bytes=9, seconds=0.5)},
        "tables": {"public.orders": 40, "public.people": 2},
        "source": {"owner": "shop", "encoding": "UTF8", "collate": "C.UTF-8", "ctype": "C.UTF-8", "bytes": 1},
    }
    return Manifest.model_validate(values | changes)


def proof(backup_id: str, kind: str, at: datetime, *, passed: bool) -> Proof:
    return Proof.model_validate({"kind": kind, "backup": backup_id, "at": at, "passed": passed, "operator": "ada", "host": "db1"})


def put(store: DirectoryStore, backup_id: str, taken: datetime = NIGHT, content: bytes = b"bytes") -> Stored:
    draft = store.begin("shop", backup_id)
    with draft.part(DUMP) as writer:
        writer.write(content)
    return draft.publish(manifest(backup_id, taken), "how to restore")


def ids(store: DirectoryStore) -> list[str]:
    return [each.id for each in store.listing("shop").backups]


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "backups")


def test_nothing_is_listed_before_it_is_published(store: DirectoryStore) -> None:
    draft = store.begin("shop", "a")
    with draft.part(DUMP) as writer:
        writer.write(b"bytes")
    before = ids(store)
    draft.publish(manifest("a"), "how to restore")

    assert (before, ids(store)) == ([], ["a"])
    assert entries(store.folder / "shop") == ["a"]
    assert entries(store.folder / "shop" / "a") == ["RESTORE.md", DUMP, "manifest.json"]
    assert store.source("shop", "a", DUMP).read_bytes() == b"bytes"


def test_everything_is_for_the_owner_alone(store: DirectoryStore) -> None:
    put(store, "a")
    store.add_proof("shop", proof("a", "drill", NIGHT, passed=True))

    modes = {stat.S_IMODE(path.stat().st_mode) for path in store.folder.rglob("*") if path.is_file()}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in [store.folder, *store.folder.rglob("*")] if path.is_dir()}

    assert (modes, folders) == ({0o600}, {0o700})


def test_what_is_given_up_leaves_nothing(store: DirectoryStore) -> None:
    draft = store.begin("shop", "a")
    with draft.part(DUMP) as writer:
        writer.write(b"bytes")

    draft.discard()

    assert entries(store.folder / "shop") == []


def test_a_draft_of_a_crash_is_swept_only_when_nothing_touched_it_for_a_day(store: DirectoryStore) -> None:
    draft = store.begin("shop", "a")
    with draft.part(DUMP) as writer:
        writer.write(b"bytes")
    now = datetime.now(UTC)

    early = store.sweep("shop", now + timedelta(hours=23))
    os.utime(draft.folder, (0, 0))  # a folder as old as can be, and a part in it that is being written
    busy = store.sweep("shop", now + timedelta(hours=23))
    late = store.sweep("shop", now + timedelta(hours=25))

    assert (early, busy, late) == ((), (), (".partial-a",))
    assert entries(store.folder / "shop") == []


def test_sweeping_leaves_backups_alone(store: DirectoryStore) -> None:
    put(store, "a")

    assert store.sweep("shop", datetime.now(UTC) + timedelta(days=400)) == ()
    assert ids(store) == ["a"]


def test_backups_are_listed_by_the_time_of_their_snapshot(store: DirectoryStore) -> None:
    put(store, "z", NIGHT - timedelta(days=1))
    put(store, "a", NIGHT)

    assert ids(store) == ["z", "a"]


def test_what_cannot_be_understood_is_named_and_left_alone(store: DirectoryStore) -> None:
    put(store, "good")
    put(store, "wrong")
    for name, text in {"empty": "", "newer": written(manifest("newer")).replace('"format": 1', '"format": 99')}.items():
        (store.folder / "shop" / name).mkdir()
        (store.folder / "shop" / name / "manifest.json").write_text(text)
    (store.folder / "shop" / "none").mkdir()
    (store.folder / "shop" / "wrong").rename(store.folder / "shop" / "renamed")

    listing = store.listing("shop")

    assert [each.id for each in listing.backups] == ["good"]
    assert sorted(listing.unreadable) == ["empty", "newer", "none", "renamed"]
    assert "format" in listing.unreadable["newer"]
    assert listing.unreadable["renamed"] == "its manifest is that of wrong"


def test_a_removed_backup_is_gone(store: DirectoryStore) -> None:
    put(store, "a")
    put(store, "b")

    store.remove("shop", "a")

    assert entries(store.folder / "shop") == ["b"]
    with pytest.raises(BackupError, match="cannot remove"):
        store.remove("shop", "a")


def test_databases_whose_names_begin_alike_are_kept_apart(store: DirectoryStore) -> None:
    put(store, "a")

    assert store.listing("sho").backups == ()
    assert store.listing("shop-eu").backups == ()


def test_a_part_that_is_missing_is_said(store: DirectoryStore) -> None:
    put(store, "a")

    with pytest.raises(BackupError, match="is not there"):
        store.source("shop", "a", GLOBALS)


@contextmanager
def files_no_bigger_than(size: int) -> Iterator[None]:
    """Every write past this fails, as on a full disk. Python ignores the signal that comes with it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_takes_no_more_is_an_error_that_says_where(store: DirectoryStore) -> None:
    draft = store.begin("shop", "a")

    def fill() -> None:
        with draft.part(DUMP) as writer:
            for _round in range(100):
                writer.write(b"x" * 100_000)

    with files_no_bigger_than(1000), pytest.raises(BackupError) as caught:
        fill()

    assert str(draft.folder / DUMP) in caught.value.message
    assert "make room" in caught.value.hint
    assert ids(store) == []


def test_proofs_decide_what_a_backup_is_worth(store: DirectoryStore) -> None:
    put(store, "a")
    seen = []
    for minutes, (kind, passed) in enumerate(
        [("drill", False), ("drill", True), ("drill", False), ("verify", False), ("verify", True)]
    ):
        store.add_proof("shop", proof("a", kind, NIGHT + timedelta(minutes=minutes), passed=passed))
        (stored,) = store.listing("shop").backups
        seen.append((stored.verified, stored.proven))

    assert seen == [(True, False), (True, True), (True, True), (False, False), (True, True)]
    assert stored.drill is not None
    assert not stored.drill.passed


def test_the_newest_good_one_is_not_one_whose_bytes_went_bad(store: DirectoryStore) -> None:
    put(store, "old", NIGHT - timedelta(days=1))
    put(store, "new", NIGHT)
    store.add_proof("shop", proof("new", "verify", NIGHT + timedelta(hours=1), passed=False))

    newest = store.listing("shop").newest()

    assert newest is not None
    assert newest.id == "old"


@pytest.mark.parametrize("left", [None, b"", b"byte", b"bytes and more"])
def test_one_whose_parts_are_not_all_there_is_no_good_one_and_stays(store: DirectoryStore, left: bytes | None) -> None:
    put(store, "old", NIGHT - timedelta(days=1))
    put(store, "new", NIGHT)
    path = store.folder / "shop" / "new" / DUMP
    path.unlink()
    if left is not None:
        path.write_bytes(left)

    listing = store.listing("shop")
    newest, new = listing.newest(), listing.backups[1]

    assert (newest and newest.id, new.id, new.lacking, new.verified) == ("old", "new", (DUMP,), False)
    assert new.candidate().held == "dump.zst is missing or cut off"


def test_a_backup_of_another_environment_is_no_good_one_here_and_stays(store: DirectoryStore) -> None:
    put(store, "a")
    here, there = (replace(store, environment=name).listing("shop").backups[0] for name in ("staging", "production"))

    assert (here.verified, here.candidate().held) == (True, "")
    assert (there.verified, there.whole, there.candidate().held) == (False, True, "of the environment staging")


def test_a_folder_that_is_empty_has_nothing_in_it() -> None:
    counts = [
        manifest(
            "a", parts={"up.tar.zst": Part(sha256="", stored_bytes=1, raw_bytes=1, seconds=1, kind=kind, entries=1)}
        ).extent.counts["up"]
        for kind in ("directory", "configuration", "redis")
    ]

    assert counts == [0, 1, 1]


def test_a_manifest_reads_back_as_it_was_written() -> None:
    original = manifest("a")

    assert read_manifest(written(original)) == original


def test_members_of_a_later_version_are_passed_over() -> None:
    text = written(manifest("a")).replace('"format": 1,', '"format": 1, "colour": "red",')

    assert read_manifest(text) == manifest("a")


def test_instructions_quote_what_a_shell_would_take_apart() -> None:
    text = instructions(manifest("a", source={"owner": "o'hara shop", "encoding": "UTF8"}, database="shop"))

    assert "createdb --template template0 --encoding UTF8 --owner 'o'\"'\"'hara shop' \"$NEW\"" in text
    assert "PostgreSQL 15.20 (Debian)" in text
    assert "of PostgreSQL 15 or newer" in text
