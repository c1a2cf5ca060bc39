"""Reading encrypted files on the controller: as a stream, with the right key, and never half of one unnoticed."""

from __future__ import annotations

import hashlib
import io
import random
import stat
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import pyrage
import pytest

from windlass.errors import BackupError, UsageError
from windlass.operations.stored import ReadStored
from windlass.stores.encryption import check_identity, decrypted, identities
from windlass.stores.host.line import Run
from windlass.stores.host.source import HostSource

CONTENT = random.Random(1).randbytes(3_000_000)  # noqa: S311 - nothing secret


@pytest.fixture
def key() -> pyrage.x25519.Identity:
    return pyrage.x25519.Identity.generate()


@pytest.fixture
def sealed(tmp_path: Path, key: pyrage.x25519.Identity) -> Path:
    path = tmp_path / "dump.age"
    with path.open("wb") as sink:
        pyrage.encrypt_io(io.BytesIO(CONTENT), sink, [key.to_public()])
    return path


def test_the_content_comes_out_of_a_pipe_for_its_owner_alone(sealed: Path, key: pyrage.x25519.Identity) -> None:
    with decrypted(sealed, [key]) as path:
        mode = path.stat().st_mode
        folder = stat.S_IMODE(path.parent.stat().st_mode)
        found = hashlib.sha256(path.read_bytes()).hexdigest()

    assert found == hashlib.sha256(CONTENT).hexdigest()
    assert (stat.S_ISFIFO(mode), stat.S_IMODE(mode), folder) == (True, 0o600, 0o700)
    assert not path.parent.exists()


def test_nobody_has_to_read_it_nor_to_its_end(sealed: Path, key: pyrage.x25519.Identity) -> None:
    with decrypted(sealed, [key]) as unread:
        pass
    with decrypted(sealed, [key]) as path, path.open("rb") as handle:
        begin = handle.read(10)

    assert begin == CONTENT[:10]
    assert not unread.parent.exists()


def test_a_file_that_was_cut_off_or_changed_is_an_error(sealed: Path, key: pyrage.x25519.Identity) -> None:
    whole = sealed.read_bytes()
    changed = bytearray(whole)
    changed[-50] ^= 1
    for content in (whole[:-70_000], bytes(changed)):
        sealed.write_bytes(content)
        with pytest.raises(BackupError, match="cannot be decrypted"), decrypted(sealed, [key]) as path:
            assert CONTENT.startswith(path.read_bytes())


@dataclass(frozen=True)
class Unreachable:
    """A source that cannot even be opened."""

    error: Exception

    def open(self, mode: Literal["rb"]) -> BinaryIO:  # noqa: ARG002 - as a source's
        raise self.error


@pytest.mark.parametrize("error", [BackupError("cannot look at the dump"), FileNotFoundError("the dump")])
def test_whoever_reads_what_cannot_be_opened_is_not_left_waiting(key: pyrage.x25519.Identity, error: Exception) -> None:
    with pytest.raises(BackupError, match="the dump"), decrypted(Unreachable(error), [key]) as path:
        assert path.read_bytes() == b""


def test_a_store_on_a_host_to_which_there_is_no_way_is_an_error_and_no_empty_file(key: pyrage.x25519.Identity) -> None:
    def line() -> AbstractContextManager[Run]:
        raise UsageError("there is no key /keys/backup")

    source = HostSource(line, ReadStored(root="/backups", name="shop", folder="b", part="dump.age"), "store1:/backups/dump.age")

    with pytest.raises(BackupError, match="there is no key /keys/backup"), decrypted(source, [key]) as path:
        assert path.read_bytes() == b""


def test_a_wrong_key_is_seen_at_once_and_a_damaged_file_is_not_taken_for_one(sealed: Path, key: pyrage.x25519.Identity) -> None:
    other, recipients = pyrage.x25519.Identity.generate(), [str(key.to_public())]
    check_identity(Path("k"), [other, key], sealed, recipients)

    with pytest.raises(UsageError, match="no private key in k opens") as caught:
        check_identity(Path("k"), [other], sealed, recipients)
    sealed.write_bytes(sealed.read_bytes()[:100])
    with pytest.raises(BackupError, match="cannot be decrypted"):
        check_identity(Path("k"), [key], sealed, recipients)

    assert recipients[0] in caught.value.hint


def test_identity_files_are_those_of_age_keygen_and_are_never_quoted(tmp_path: Path, key: pyrage.x25519.Identity) -> None:
    path = tmp_path / "identity.txt"
    path.write_text(f"# created: today\n# public key: {key.to_public()}\n\n{key}\n")
    found = identities(path)
    path.write_text(f"{str(key)[:-1]}\n")

    assert [str(each.to_public()) for each in found] == [str(key.to_public())]
    with pytest.raises(UsageError, match="holds no private key") as caught:
        identities(path)
    with pytest.raises(UsageError, match="cannot read the identity file"):
        identities(tmp_path / "missing")
    assert "AGE-SECRET-KEY-1" + str(key)[16:30] not in f"{caught.value.message} {caught.value.hint}"
