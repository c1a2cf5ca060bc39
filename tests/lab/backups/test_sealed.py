"""Encrypted backups on a real host, which never has the key to them."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pyrage
import pytest

from tests.lab.backups.place import LEFT, ROWS, Place, state
from tests.waiting import until
from windlass.errors import BackupError, OperationFailed, UsageError
from windlass.flows.backups.backup import BackedUp, backup
from windlass.flows.backups.drill import drill
from windlass.flows.backups.holdings import holding, verify
from windlass.flows.backups.restore import restore
from windlass.inventory import Backup
from windlass.plans.restoration import Wish
from windlass.testing.lab import shell

pytestmark = pytest.mark.lab

DUMP, GLOBALS = "dump.zst.age", "globals.sql.zst.age"


@dataclass(frozen=True)
class Sealed:
    """A database whose backups are encrypted, the file that opens them, and one that does not."""

    place: Place
    entry: Backup
    identity: Path
    other: Path

    def backup(self) -> BackedUp:
        return backup(self.place.workspace, self.entry)


def _key(path: Path) -> str:
    """A new private key in a file, as age-keygen writes it; its public key."""
    key = pyrage.x25519.Identity.generate()
    path.write_text(f"# public key: {key.to_public()}\n{key}\n")
    return str(key.to_public())


@pytest.fixture(scope="module")
def sealed(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    folder = tmp_path_factory.mktemp("keys")
    recipients = (_key(folder / "identity.txt"), _key(folder / "second.txt"))
    _key(folder / "other.txt")
    entry = place.entry().model_copy(update={"recipients": recipients})
    return Sealed(place, entry, folder / "identity.txt", folder / "other.txt")


def test_what_is_stored_can_be_read_by_its_recipients_alone(sealed: Sealed) -> None:
    done = sealed.backup()
    folder = Path(done.place)
    manifest = sealed.place.stored(done.id).manifest
    stored = {name: (folder / name).read_bytes() for name in (DUMP, GLOBALS)}
    roles = pyrage.decrypt(stored[GLOBALS], [pyrage.x25519.Identity.from_str(sealed.identity.read_text().splitlines()[1])])
    plain = subprocess.run(["zstd", "-dc"], input=roles, capture_output=True, check=True).stdout
    secret = sealed.place.sql("SELECT rolname FROM pg_roles WHERE rolname = 'tickets'").encode()

    assert (manifest.format, manifest.recipients, sorted(manifest.parts)) == (2, sealed.entry.recipients, [DUMP, GLOBALS])
    assert b"CREATE ROLE " + secret in plain
    for content in stored.values():
        assert content.startswith(b"age-encryption.org/v1\n")
        assert content.count(b"-> X25519 ") == 2
        assert b"PGDMP" not in content
        assert b"\x28\xb5\x2f\xfd" not in content[:64], "how zstd begins"
    assert manifest.verified_at is not None
    assert "AGE-SECRET-KEY" not in "".join(path.read_text("latin-1") for path in folder.iterdir())


def test_a_host_that_encrypts_has_no_key_and_keeps_nothing(sealed: Sealed) -> None:
    done = sealed.backup()

    drill(sealed.place.workspace, sealed.entry, backup=done.id, identity=str(sealed.identity))
    found = sealed.place.shell(
        "grep -rlsa --exclude-dir=proc --exclude-dir=sys 'AGE-SECRET-KEY-1[0-9A-Z]' /tmp /var /root /home /run || true"
    )

    assert found == ""
    assert sealed.place.shell(LEFT) == ""


def test_it_comes_back_with_the_key_whole_and_by_table(sealed: Sealed) -> None:
    done = sealed.backup()
    workspace, keys = sealed.place.workspace, str(sealed.identity)

    proof = drill(workspace, sealed.entry, backup=done.id, identity=keys).proof
    beside = restore(workspace, sealed.entry, Wish(), backup=done.id, identity=str(sealed.identity.with_name("second.txt")))
    table = restore(workspace, sealed.entry, Wish(table="people"), backup=done.id, identity=keys)
    sealed.place.sql(f"DROP DATABASE {beside.database}", "postgres")
    sealed.place.sql(f"DROP SCHEMA {table.table.split('.')[0]} CASCADE")
    checked = verify(workspace, sealed.entry, done.id, identity=keys)

    assert (proof.passed, beside.rows, table.rows) == (True, done.rows, 1000)
    assert (checked.decoded, checked.raw_bytes) == (True, done.raw_bytes)


@pytest.mark.parametrize("which", ["none", "other"])
def test_without_the_right_key_nothing_is_begun_and_it_says_which_one_it_needs(sealed: Sealed, which: str) -> None:
    done = sealed.backup()
    before = state(sealed.place)
    keys = "" if which == "none" else str(sealed.other)
    said = r"is encrypted to age1\w+ or age1" if which == "none" else "no private key in .*other.txt opens"

    with pytest.raises(UsageError, match=said) as caught:
        restore(sealed.place.workspace, sealed.entry, Wish(), backup=done.id, identity=keys)
    with pytest.raises(UsageError, match=said):
        drill(sealed.place.workspace, sealed.entry, backup=done.id, identity=keys)

    assert sealed.entry.recipients[0] in f"{caught.value.message} {caught.value.hint}"
    assert sealed.place.stored(done.id).drill is None
    assert state(sealed.place) == before


def test_without_a_key_the_checksum_is_all_that_is_verified_and_that_is_said(sealed: Sealed) -> None:
    done = sealed.backup()

    unread = verify(sealed.place.workspace, sealed.entry, done.id)
    path = Path(done.place) / DUMP
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(BackupError, match="is damaged"):
        verify(sealed.place.workspace, sealed.entry, done.id)

    assert unread.decoded is False
    assert not sealed.place.stored(done.id).verified


def test_a_person_says_the_key_on_the_command_line_or_in_the_environment(sealed: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    done = sealed.backup()
    words = ("backup.verify", "--name", "tickets", "--backup", done.id)

    said = sealed.place.command(*words, "--identity", str(sealed.identity))
    out, told = said.communicate(timeout=300)
    monkeypatch.setenv("WINDLASS_AGE_IDENTITY_FILE", str(sealed.other))
    wrong = sealed.place.command(*words)
    _out, complaint = wrong.communicate(timeout=300)

    assert (said.returncode, wrong.returncode) == (0, 2), told
    assert "decode to" in out + told
    assert "no private key in" in complaint
    assert not re.search("AGE-SECRET-KEY", out + told + complaint)


def test_what_stands_beside_it_restores_it_with_age_zstd_and_pg_restore(sealed: Sealed) -> None:
    place, done = sealed.place, sealed.backup()
    blocks = dict(re.findall(r"```sh (\w+)\n(.*?)```", (Path(done.place) / "RESTORE.md").read_text(), re.DOTALL))
    place.shell("rm -rf /tmp/sealed && mkdir /tmp/sealed")
    needed = {DUMP: Path(done.place) / DUMP, GLOBALS: Path(done.place) / GLOBALS, "identity.txt": sealed.identity}
    for name, path in needed.items():
        shell(place.machine, f"cat >/tmp/sealed/{name}", given=path.read_bytes())
    place.shell("chown -R postgres /tmp/sealed")

    def typed(block: str) -> str:
        return place.shell(f"cd /tmp/sealed && su postgres -s /bin/bash <<'TYPED' 2>&1\nset -o pipefail\n{blocks[block]}\nTYPED")

    told = [typed("check"), typed("roles"), typed("restore")]
    rows = place.sql('SELECT count(*) FROM public."Tickets"', "tickets_restored")
    place.sql("DROP DATABASE tickets_restored")
    place.shell("rm -rf /tmp/sealed")

    assert told[0] == f"{DUMP}: OK"
    assert 'role "postgres" already exists' in told[1]
    assert rows == str(ROWS)


def test_a_host_without_age_is_told_so_before_anything_is_published(sealed: Sealed) -> None:
    sealed.backup()
    before = [each.id for each in holding(sealed.place.workspace, sealed.entry).backups]
    sealed.place.shell("mv /usr/bin/age /usr/bin/age.away")
    try:
        with pytest.raises(OperationFailed, match="the program age is not installed") as caught:
            sealed.backup()
    finally:
        sealed.place.shell("mv /usr/bin/age.away /usr/bin/age")

    assert "apt-get install age" in caught.value.hint
    assert [each.id for each in holding(sealed.place.workspace, sealed.entry).backups] == before
    until(lambda: sealed.place.shell(LEFT) == "")


def test_a_program_that_dies_on_the_way_publishes_nothing(sealed: Sealed) -> None:
    sealed.backup()
    before = [each.id for each in holding(sealed.place.workspace, sealed.entry).backups]
    sealed.place.shell(
        "mv /usr/bin/age /usr/bin/age.away; printf '#!/bin/sh\\nhead -c 5000\\nexit 3\\n' >/usr/bin/age; chmod 755 /usr/bin/age"
    )
    try:
        with pytest.raises(OperationFailed, match="age ended with status 3"):
            sealed.backup()
    finally:
        sealed.place.shell("mv /usr/bin/age.away /usr/bin/age")

    assert [each.id for each in holding(sealed.place.workspace, sealed.entry).backups] == before
