"""age's published test vectors (C2SP's CCTV, as the package cctv-age has them), read by what reads our backups and data keys."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import re
import tarfile
import zlib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyrage
import pytest

from tests.npm import packed
from windlass.errors import BackupError, UsageError
from windlass.inventory.sops.keys import KeyRing
from windlass.stores.encryption import check_identity, decrypted, identities
from windlass.values import Secret

pytestmark = pytest.mark.lab

SHA512 = "1fiGAaWr+snqgu8+uCC7qPeApAuueOESET2npKe0FVLY+Huf+Kkia89Rybx/uoGNCml31SgAjiQIeFOY4K3New=="
# Where pyrage does not as it should, see docs/decisions/0007: it takes two headers that are not well formed, and refuses white
# space around an armour. What a header wraps is authenticated: neither reveals or changes anything.
KNOWN = {"stanza_missing_body", "stanza_missing_final_line", "armor_whitespace_outside"}


@dataclass(frozen=True)
class Vector:
    """One file of theirs: what is expected of whoever reads it, with which keys, and the SHA-256 of all that may come out."""

    expect: str
    keys: tuple[str, ...]
    payload: str
    armored: bool
    content: bytes


@cache
def vectors() -> dict[str, Vector]:
    """Those for X25519 keys; Windlass has neither passphrases nor keys of other kinds."""
    with tarfile.open(fileobj=io.BytesIO(packed("cctv-age", "0.2.0", SHA512))) as archive:
        member = archive.extractfile("package/index.js")
        assert member is not None
        script = member.read().decode()
    found = re.findall(r'// \.\./testdata/(\S+)\nvar \w+ = __toBinary\("([^"]*)"\)', script)
    read = {name: vector(base64.b64decode(text)) for name, text in found}
    return {name: each for name, each in read.items() if each and each.keys}


def vector(text: bytes) -> Vector | None:
    """As their README describes it. None for one with a passphrase or a key of another kind."""
    head, _, content = text.partition(b"\n\n")
    pairs = [line.split(": ", 1) for line in head.decode().splitlines()]
    keys = tuple(value for name, value in pairs if name == "identity")
    known = dict(map(tuple, pairs))
    if "passphrase" in known or any(key.startswith("AGE-SECRET-KEY-PQ-") for key in keys):
        return None
    if known.get("compressed") == "zlib":
        content = zlib.decompress(content)
    return Vector(known["expect"], keys, known.get("payload", ""), known.get("armored") == "yes", content)


def came(each: Vector, folder: Path) -> tuple[bool, str]:
    """Whether the file was opened to its end by what reads our backups, and the SHA-256 of what came out of it until then."""
    file, key = folder / "file.age", folder / "key"
    file.write_bytes(each.content)
    key.write_text("".join(f"{text}\n" for text in each.keys))
    keys = identities(key)
    content = b""
    try:
        with decrypted(file, keys) as pipe:
            content = pipe.read_bytes()
    except BackupError:
        return False, hashlib.sha256(content).hexdigest()
    check_identity(key, keys, file, [str(one.to_public()) for one in keys])  # says the same of its beginning
    return True, hashlib.sha256(content).hexdigest()


def test_every_vector_for_our_keys_is_opened_or_refused_as_it_asks(tmp_path: Path) -> None:
    wrong = set()
    for name, each in vectors().items():
        opened, released = came(each, tmp_path)
        # Of what is refused, nothing but what stands before the fault may have come out.
        fitting = released == (each.payload or hashlib.sha256(b"").hexdigest())
        if opened is not (each.expect == "success") or not fitting:
            wrong.add(name)

    assert wrong == KNOWN
    assert Counter(each.expect for each in vectors().values()) == {
        "success": 19, "header failure": 31, "armor failure": 22, "payload failure": 19, "no match": 4, "HMAC failure": 1,
    }  # fmt: skip


def test_what_no_key_opens_is_said_before_anything_is_begun(tmp_path: Path) -> None:
    (name,) = [name for name, each in vectors().items() if each.expect == "HMAC failure"]
    each = vectors()[name]
    file, stranger = tmp_path / "file.age", pyrage.x25519.Identity.generate()
    file.write_bytes(each.content)

    with pytest.raises(UsageError, match="no private key in"):
        check_identity(tmp_path / "key", [stranger], file, ["age1somebody"])
    with pytest.raises(BackupError, match="cannot be decrypted"):
        check_identity(tmp_path / "key", [stranger], file, [str(stranger.to_public())])


def test_a_data_key_in_an_armour_is_unwrapped_or_refused_as_it_asks() -> None:
    wrong = set()
    for name, each in vectors().items():
        if not each.armored:
            continue
        ring = KeyRing(tuple(map(Secret, each.keys)), ("here",))
        content = None
        with contextlib.suppress(ValueError, UnicodeDecodeError):
            content = ring.unwrap({ring.recipients()[0]: each.content.decode()})
        opened = content is not None and hashlib.sha256(content).hexdigest() == each.payload
        if opened is not (each.expect == "success"):
            wrong.add(name)

    assert wrong <= KNOWN
