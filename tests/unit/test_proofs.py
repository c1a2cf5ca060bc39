"""Proofs and their signatures: whoever can write into the store cannot prove a backup, nor make a bad one good again."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.test_stores import NIGHT, proof, put
from windlass.errors import BackupError
from windlass.stores.directory import DirectoryStore
from windlass.stores.proofs import CHANGED, UNSIGNED
from windlass.stores.published import Stored
from windlass.stores.signature import KEY, Signatures

DRILL, CHECK = "proof-20261120T023000Z-drill.json", "proof-20261120T023000Z-verify.json"


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "backups", Signatures(tmp_path / "keys"))


def by(folder: Path, store: DirectoryStore) -> DirectoryStore:
    """The same store as one with a key of his own writes to it."""
    return DirectoryStore(store.folder, Signatures(folder))


def only(store: DirectoryStore) -> Stored:
    (found,) = store.listing("shop").backups
    return found


def test_a_proof_of_ours_counts_and_one_that_was_changed_does_not(store: DirectoryStore) -> None:
    put(store, "a")
    store.add_proof("shop", proof("a", "drill", NIGHT, passed=True))
    path, before = store.folder / "shop" / "a" / DRILL, only(store)
    path.write_text(path.read_text().replace('"rto_minutes": 0.0', '"rto_minutes": 9.0'))
    after = only(store)

    assert (before.proven, before.doubted) == (True, {})
    assert (after.proven, after.proofs, after.doubted) == (False, (), {DRILL: CHANGED})
    assert (after.verified, after.doubt) == (True, "")


def test_a_failure_that_is_turned_into_a_success_makes_nothing_good(store: DirectoryStore) -> None:
    put(store, "a")
    store.add_proof("shop", proof("a", "verify", NIGHT, passed=False))
    path, before = store.folder / "shop" / "a" / CHECK, only(store)
    later = path.with_name("proof-20261120T033000Z-verify.json")
    later.write_text(path.read_text().replace("02:30", "03:30").replace('"passed": false', '"passed": true'))

    assert (before.whole, only(store).whole) == (False, False)
    assert only(store).doubted == {later.name: CHANGED}


def test_a_success_without_a_signature_does_not_count_and_a_failure_does(store: DirectoryStore) -> None:
    put(store, "a")
    nobodys = DirectoryStore(store.folder)
    nobodys.add_proof("shop", proof("a", "drill", NIGHT, passed=True))
    proven = only(store)
    nobodys.add_proof("shop", proof("a", "verify", NIGHT, passed=False))

    assert (proven.proven, proven.doubted) == (False, {DRILL: UNSIGNED})
    assert not only(store).whole


def test_a_proof_of_another_backup_is_none_of_this_one(store: DirectoryStore) -> None:
    put(store, "a")
    put(store, "b")
    store.add_proof("shop", proof("a", "drill", NIGHT, passed=True))
    shutil.copy(store.folder / "shop" / "a" / DRILL, store.folder / "shop" / "b")

    a, b = store.listing("shop").backups

    assert (a.proven, b.proven, b.doubted) == (True, False, {DRILL: "it is a proof of a"})


def test_another_controllers_proof_counts_once_the_inventory_names_its_key(store: DirectoryStore, tmp_path: Path) -> None:
    put(store, "a")
    other = by(tmp_path / "other", store)
    other.add_proof("shop", proof("a", "drill", NIGHT, passed=True))
    public = (tmp_path / "other" / f"{KEY}.pub").read_text().strip()
    knowing = DirectoryStore(store.folder, Signatures(tmp_path / "keys", ("no key", public)))

    assert (only(store).proven, only(store).doubted) == (False, {DRILL: CHANGED})
    assert (only(knowing).proven, only(knowing).doubted) == (True, {})


def test_where_manifests_are_not_signed_proofs_need_not_be(store: DirectoryStore) -> None:
    nobodys = DirectoryStore(store.folder)
    put(nobodys, "a")
    nobodys.add_proof("shop", proof("a", "drill", NIGHT, passed=True))
    nobodys.add_proof("shop", proof("a", "verify", NIGHT + timedelta(hours=1), passed=True))

    assert (only(nobodys).proven, only(store).proven, only(store).doubted) == (True, True, {})


def test_a_proof_is_not_kept_without_the_key(store: DirectoryStore, tmp_path: Path) -> None:
    put(store, "a")
    (tmp_path / "keys" / KEY).write_text("nothing")

    with pytest.raises(BackupError, match="cannot use the key"):
        store.add_proof("shop", proof("a", "drill", NIGHT, passed=True))
