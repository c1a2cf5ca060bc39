"""Signatures of manifests: whose are believed, and what becomes of a manifest that was changed."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from tests.unit.test_stores import NIGHT, manifest, put
from windlass.errors import BackupError
from windlass.stores.directory import DirectoryStore
from windlass.stores.published import Stored
from windlass.stores.signature import KEY, SIGNATURE, SIGNER, Signatures

LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "backups", Signatures(tmp_path / "keys"))


def only(store: DirectoryStore) -> Stored:
    (found,) = store.listing("shop").backups
    return found


def test_what_is_published_is_signed_with_a_key_for_its_owner_alone(store: DirectoryStore, tmp_path: Path) -> None:
    put(store, "a")
    keys = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()}
    first = (tmp_path / "keys" / KEY).read_bytes()
    put(store, "b")

    assert [(each.signed, each.doubt, each.verified) for each in store.listing("shop").backups] == [(True, "", True)] * 2
    assert keys[KEY] == 0o600
    assert set(keys) == {KEY, f"{KEY}.pub"}
    assert (tmp_path / "keys" / KEY).read_bytes() == first


def test_a_changed_manifest_is_doubted_and_no_good_one(store: DirectoryStore) -> None:
    put(store, "a")
    path = store.folder / "shop" / "a" / "manifest.json"
    path.write_text(path.read_text().replace("40", "41"))

    assert only(store).doubt == "its signature does not fit: the manifest was changed after it was written"
    assert (only(store).signed, only(store).verified, store.listing("shop").newest()) == (False, False, None)
    assert only(store).candidate().held == only(store).doubt


def test_another_controllers_signature_is_believed_once_the_inventory_names_it(store: DirectoryStore, tmp_path: Path) -> None:
    put(store, "a")
    stranger = replace(store, signatures=Signatures(tmp_path / "elsewhere"))
    public = (tmp_path / "keys" / f"{KEY}.pub").read_text().strip()
    knowing = replace(store, signatures=Signatures(tmp_path / "elsewhere", (public,)))

    assert only(stranger).doubt == f"it is signed with a key that is not believed, {public}"
    assert (only(knowing).signed, only(knowing).doubt) == (True, "")
    assert not (tmp_path / "elsewhere").exists(), "reading makes no key"


def test_a_signature_that_is_gone_is_doubted_unless_the_backup_is_older_than_the_key(store: DirectoryStore, tmp_path: Path) -> None:
    put(DirectoryStore(store.folder), "a")
    without_key = only(store)
    put(store, "b")
    os.utime(tmp_path / "keys" / KEY, (1, 1))
    for name in (SIGNATURE, SIGNER):
        (store.folder / "shop" / "b" / name).unlink()
    after = {each.id: each.doubt for each in store.listing("shop").backups}
    os.utime(tmp_path / "keys" / KEY, (LATER.timestamp(), LATER.timestamp()))
    before = {each.id: (each.doubt, each.signed, each.verified) for each in store.listing("shop").backups}

    assert (without_key.signed, without_key.doubt) == (False, "")
    assert after == dict.fromkeys("ab", "its signature is gone")
    assert before == dict.fromkeys("ab", ("", False, True))


def test_an_unsigned_manifest_cannot_pass_for_an_old_one_by_its_beginning_alone(store: DirectoryStore, tmp_path: Path) -> None:
    put(store, "a")
    os.utime(tmp_path / "keys" / KEY, (NIGHT.timestamp(), NIGHT.timestamp()))
    for name in (SIGNATURE, SIGNER):
        (store.folder / "shop" / "a" / name).unlink()
    path = store.folder / "shop" / "a" / "manifest.json"
    path.write_text(path.read_text().replace('"started": "2026-', '"started": "2020-'))

    assert only(store).doubt == "its signature is gone"


LOCKED = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"of somebody"))


@pytest.mark.parametrize("content", [b"nothing", LOCKED])
def test_a_key_that_is_broken_says_which_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / KEY).write_bytes(content)

    with pytest.raises(BackupError, match=f"cannot use the key {tmp_path / KEY}"):
        Signatures(tmp_path).sign(manifest("a").id.encode())


def pem(kind: str, body: str) -> str:
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n"


@pytest.mark.parametrize("content", ["", pem("PUBLIC KEY", "MCowBQ"), pem("PUBLIC KEY", "MAswBQYDKgMEAwIAAA==")])
def test_a_signer_that_is_no_key_is_doubted(store: DirectoryStore, content: str) -> None:
    put(store, "a")
    (store.folder / "shop" / "a" / SIGNER).write_text(content)

    assert only(store).doubt == "its signer.pem is no public key of Ed25519"
