"""What a backup's size and its drill tell about it, on a real host."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.backups.place import LEFT, Place, state
from windlass.errors import BackupError, OperationFailed
from windlass.events import Event, Note
from windlass.flows.backups.backup import backup
from windlass.flows.backups.drill import drill
from windlass.flows.backups.holdings import holding
from windlass.flows.backups.restore import restore
from windlass.inventory import Backup, Keep
from windlass.plans.restoration import Wish
from windlass.stores.manifest import DUMP
from windlass.stores.signature import SIGNATURE, Signatures
from windlass.testing.lab import shell

pytestmark = pytest.mark.lab

# A function that only claims to be immutable: what it gave when the index was built, it does not give again.
CROOKED = r"""
CREATE DATABASE crooked;
\c crooked
CREATE TABLE things (id serial PRIMARY KEY, body text);
INSERT INTO things (body) SELECT repeat(md5(i::text), 20) FROM generate_series(1, 2000) i;
CREATE INDEX unfinished ON things (body);
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'unfinished'::regclass;
CREATE TABLE imported (id serial PRIMARY KEY);
INSERT INTO imported VALUES (77);
"""
NUMBERS = itertools.count()  # each test has its own backups of a database made anew: what is usual is another test's otherwise
LIE = """
CREATE FUNCTION lie(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + (random() * 100000)::int';
CREATE INDEX lying ON things (lie(id));
"""


@pytest.fixture
def crooked(place: Place) -> Iterator[Backup]:
    place.sql(CROOKED, "postgres")
    yield place.entry().model_copy(
        update={
            "name": f"crooked-{next(NUMBERS)}",
            "database": "crooked",
            "smoke": (),
            "keep": Keep(last=2, daily=0, weekly=0, monthly=0),
        }
    )
    place.sql("DROP DATABASE crooked", "postgres")


def test_a_drill_hashes_checks_and_tells_what_was_wrong_before(place: Place, crooked: Backup) -> None:
    backup(place.workspace, crooked)

    proof = drill(place.workspace, crooked).proof

    assert (proof.passed, proof.hashed, dict(proof.checks)) == (True, 2, {"amcheck": "passed"})
    assert proof.notes == (
        "the sequence public.imported_id_seq is at public.imported.id, behind the highest: the next row may fail",
        "the index public.unfinished is not valid in the database itself: it is not in the backup",
    )
    assert (proof.rto_target_minutes, proof.rpo_target_minutes, proof.missed) == (240, 26 * 60, ())


def test_a_dump_that_was_exchanged_for_one_with_as_many_rows_is_caught(place: Place, crooked: Backup) -> None:
    victim = backup(place.workspace, crooked)
    place.sql("UPDATE things SET body = 'other' WHERE id = 7", "crooked")
    other = backup(place.workspace, crooked)
    path = Path(victim.place) / "manifest.json"
    manifest, theirs = json.loads(path.read_text()), json.loads((Path(other.place) / "manifest.json").read_text())
    shutil.copyfile(Path(other.place) / DUMP, Path(victim.place) / DUMP)
    manifest["parts"][DUMP] = theirs["parts"][DUMP]
    path.write_text(json.dumps(manifest))
    path.with_name(SIGNATURE).write_bytes(Signatures(place.project / ".windlass" / "keys").sign(path.read_bytes())[SIGNATURE])

    with pytest.raises(BackupError, match=r"public\.things has as many rows as it should, and other ones"):
        drill(place.workspace, crooked, backup=victim.id)

    assert place.shell(LEFT) == ""
    shutil.rmtree(victim.place)


def test_an_index_that_is_wrong_in_the_restored_copy_is_caught(place: Place, crooked: Backup) -> None:
    place.sql(LIE, "crooked")
    try:
        done = backup(place.workspace, crooked)
        with pytest.raises(BackupError, match=r"pg_amcheck: btree index .*lying") as caught:
            drill(place.workspace, crooked)
    finally:
        place.sql("DROP FUNCTION lie CASCADE", "crooked")
    stored = next(each for each in holding(place.workspace, crooked).backups if each.id == done.id)

    assert any("lacks matching index tuple" in line for line in caught.value.last_lines)
    assert stored.drill is not None
    assert "lines of damage" in stored.drill.checks["amcheck"]
    assert not stored.proven


def test_a_drill_that_misses_its_targets_says_so_although_the_backup_is_proven(place: Place, crooked: Backup) -> None:
    done = backup(place.workspace, crooked)

    with pytest.raises(BackupError, match=r"is proven, but getting it back took .*, and rto is") as caught:
        drill(place.workspace, crooked.model_copy(update={"rto": "0.001s", "rpo": "0.001s"}))
    stored = next(each for each in holding(place.workspace, crooked).backups if each.id == done.id)

    assert len(caught.value.last_lines) == 2
    assert stored.proven


def test_a_backup_that_has_shrunk_fails_is_kept_and_drops_nothing_until_a_person_says_so(place: Place, crooked: Backup) -> None:
    entry = crooked.model_copy(update={"name": "shrinking", "keep": Keep(last=3, daily=0, weekly=0, monthly=0)})
    good = [backup(place.workspace, entry).id for _round in range(3)]
    place.sql("DELETE FROM things WHERE id > 100", "crooked")
    heard: list[Event] = []
    entry_now = entry.model_copy(update={"keep": Keep(last=1, daily=0, weekly=0, monthly=0)})

    with pytest.raises(BackupError, match=r"is suspicious: dump has .* where .* are usual") as caught:
        backup(place.workspace, entry_now)
    held = holding(place.workspace, entry_now)
    small = held.backups[-1]
    proof = drill(place.workspace, entry_now, listener=heard.append).proof
    beside = restore(place.workspace, entry_now, Wish(), backup=small.id)
    place.sql(f"DROP DATABASE {beside.database}", "postgres")
    place.sql("DELETE FROM things", "crooked")
    with pytest.raises(BackupError, match="suspicious"):
        backup(place.workspace, entry_now)
    accepted = backup(place.workspace, entry_now, accept_shrunk=True)
    again = backup(place.workspace, entry_now)

    assert "--accept-shrunk" in caught.value.hint
    assert [each.id for each in held.backups[:-1]] == good
    assert (small.verified, all(each.keep for each in held.decisions.values())) == (False, True)
    assert proof.backup == good[-1]
    assert any(isinstance(each, Note) and f"say --backup {small.id}" in each.text for each in heard)
    assert beside.rows == 101
    assert set(accepted.pruned.dropped) >= {good[0], small.id}
    assert [each.id for each in holding(place.workspace, entry_now).backups] == [proof.backup, again.id]


@pytest.mark.parametrize(
    ("program", "its_own"),
    [("/usr/bin/zstd", "*-T0*"), ("/usr/lib/postgresql/15/bin/pg_dumpall", "*"), ("/usr/lib/postgresql/15/bin/pg_restore", "*")],
)
def test_each_program_of_the_pipe_that_dies_fails_the_backup_and_the_last_good_one_stays(
    place: Place, crooked: Backup, program: str, its_own: str
) -> None:
    entry = crooked.model_copy(update={"name": "dying"})
    last = backup(place.workspace, entry, accept_shrunk=True)
    before, real = state(place), f"{program}.away"
    dying = f"""#!/bin/sh
case "$*" in {its_own}) {real} "$@" | head -c 100; kill -9 $$;; esac
exec {real} "$@"
"""
    place.shell(f"mv {program} {real}")
    shell(place.machine, f"cat >{program}; chmod 755 {program}", given=dying.encode())
    try:
        with pytest.raises(OperationFailed, match="was ended by signal 9"):
            backup(place.workspace, entry)
    finally:
        place.shell(f"mv {real} {program}")
    held = holding(place.workspace, entry)

    assert held.newest is not None
    assert held.newest.id == last.id
    assert state(place) == before
