"""Bringing backups back on a real host, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.lab.backups.place import LEFT, ROWS, Place, background, held, state
from tests.waiting import until
from windlass.errors import OperationFailed, RefusedError, UsageError
from windlass.flows.backups import vault
from windlass.flows.backups.holdings import holding, prune, verify
from windlass.flows.backups.restore import explain
from windlass.operations.restoration import Swap
from windlass.operations.wire import Batch
from windlass.plans.restoration import Wish

pytestmark = pytest.mark.lab


def test_a_restore_beside_touches_nothing_and_brings_all_of_it(place: Place) -> None:
    backed = place.backup()
    before = state(place)
    done = place.restore(Wish(), backed.id)
    settings = place.sql(
        "SELECT datname, setconfig, setrole::regrole FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase ORDER BY 3"
    )
    privileges = place.sql("SELECT datacl::text, pg_get_userbyid(datdba) FROM pg_database WHERE datname ~ '^tickets'").splitlines()
    granted = place.sql("SELECT has_table_privilege('reader', '\"Tickets\"', 'select')", done.database)
    place.sql(f"DROP DATABASE {done.database}")

    assert done.rows == backed.rows
    assert re.fullmatch(r"tickets_restored_\d{8}t\d{6}", done.database)
    assert granted == "t"
    lines = [line.split("|")[1:] for line in settings.splitlines()]
    assert len(lines) == 4
    assert lines[0::2] == lines[1::2]
    assert sorted(privileges[0].split("|")[0].strip("{}").split(",")) == sorted(privileges[1].split("|")[0].strip("{}").split(","))
    assert {line.split("|")[1] for line in privileges} == {"tickets"}
    assert state(place) == before


def test_a_restore_never_goes_over_something(place: Place) -> None:
    place.backup()
    before = state(place)

    for into in ("tickets", "postgres"):
        with pytest.raises(RefusedError, match=f"there is a database {into} already"):
            place.restore(Wish(into=into))
    with pytest.raises(UsageError, match="no backup of tickets begins with '1999'"):
        place.restore(Wish(), "1999")

    assert state(place) == before


def test_a_restore_that_fails_takes_its_database_away(place: Place) -> None:
    backed = place.backup()
    before = state(place)
    place.sql("ALTER ROLE reader RENAME TO reader_away", "postgres")
    try:
        with pytest.raises(OperationFailed, match="pg_restore ended with status 1") as caught:
            place.restore(Wish(), backed.id)
    finally:
        place.sql("ALTER ROLE reader_away RENAME TO reader", "postgres")

    assert 'role "reader" does not exist' in " ".join(caught.value.last_lines)
    assert state(place) == before
    assert place.shell(LEFT) == ""


def test_a_swap_brings_destroyed_data_back_under_clients_and_keeps_what_was_there(place: Place) -> None:
    backed = place.backup()
    place.sql('DROP TABLE "Tickets"')
    told = explain(place.workspace, place.entry(), Wish(swap=True))
    untouched = place.sql("SELECT to_regclass('public.\"Tickets\"') IS NULL")
    client = "while :; do psql -q tickets -c 'SELECT pg_sleep(0.01)' -c 'SELECT pg_sleep(600)' || :; done"

    with background(place, client), background(place, client):
        until(lambda: place.sql("SELECT count(*) FROM pg_stat_activity WHERE query ~ '600' AND pid <> pg_backend_pid()") == "2")
        done = place.restore(Wish(swap=True), backed.id)
    rows = place.sql('SELECT count(*) FROM "Tickets"')
    gone = place.sql("SELECT to_regclass('public.\"Tickets\"') IS NULL", done.before)
    place.sql(f"DROP DATABASE {done.before} WITH (FORCE)", "postgres")

    assert "in one transaction" in "\n".join(told)
    assert (untouched, rows, gone) == ("t", str(ROWS), "t")
    assert (done.database, done.rows) == ("tickets", backed.rows)


def test_a_swap_that_cannot_be_made_whole_is_not_made(place: Place) -> None:
    place.sql("CREATE DATABASE ready", "postgres")
    place.sql("CREATE DATABASE taken", "postgres")
    before = state(place)
    channel = place.channel()

    with pytest.raises(OperationFailed, match="could not be renamed: all is as it was") as caught:
        channel.run(Batch((Swap(database="tickets", restored="ready", before="taken"),)))
    with pytest.raises(OperationFailed, match="there is no database missing"):
        channel.run(Batch((Swap(database="tickets", restored="missing", before="free"),)))
    channel.close()
    after = state(place)
    place.sql("DROP DATABASE ready", "postgres")
    place.sql("DROP DATABASE taken", "postgres")

    assert 'database "taken" already exists' in " ".join(caught.value.last_lines)
    assert after == before


def test_a_missing_table_comes_back_in_its_place_whole(place: Place) -> None:
    backed = place.backup()
    shape = place.sql('\\d "Tickets"')
    place.sql('DROP TABLE "Tickets"')

    done = place.restore(Wish(table="Tickets"), backed.id)

    assert (done.table, done.rows) == ('public."Tickets"', ROWS)
    assert place.sql('\\d "Tickets"') == shape
    assert place.sql("SELECT has_table_privilege('reader', '\"Tickets\"', 'select')") == "t"
    added = int(place.sql('INSERT INTO "Tickets" (person) VALUES (1) RETURNING id'))
    assert added > ROWS
    place.sql(f'DELETE FROM "Tickets" WHERE id = {added}')  # noqa: S608


@pytest.mark.parametrize("first", ["restore tickets", "drill a backup of tickets"])
def test_what_is_being_restored_or_drilled_nobody_else_restores_over_or_prunes(
    first: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    backed = place.backup()
    before, listed = state(place), [each.id for each in holding(place.workspace, place.entry()).backups]
    work = {"restore tickets": lambda: place.restore(Wish(into="slow"), backed.id), "drill a backup of tickets": place.drill}
    monkeypatch.setattr(vault, "LOCK_WAIT", 0.0)
    others: list[Callable[[], object]] = [
        place.backup,
        lambda: place.restore(Wish(), backed.id),
        lambda: place.restore(Wish(swap=True), backed.id),
        lambda: place.restore(Wish(table="people"), backed.id),
        place.drill,
        lambda: prune(place.workspace, place.entry()),
        lambda: verify(place.workspace, place.entry()),
    ]

    with held(place.shell, work[first]):
        for other in others:
            with pytest.raises(
                RefusedError, match=rf"backup-tickets is locked by .*@.* for .* \(since .* UTC\): {first}"
            ) as caught:
                other()
    place.sql("DROP DATABASE IF EXISTS slow", "postgres")

    assert "wait until it is done" in caught.value.hint
    assert [each.id for each in holding(place.workspace, place.entry()).backups] == listed
    assert state(place) == before


# In the place of pg_dump: of a database that is there in passing it gives the beginning of the dump, and then it dies.
DYING = r"""
mv {0} {0}.whole
cat >{0} <<'END'
#!/bin/sh
case $* in *_passing_*) {0}.whole "$@" | head -n 9000; exit 1;; esac
exec {0}.whole "$@"
END
chmod 755 {0}
"""


def test_a_table_half_of_which_arrives_does_not_come_back_at_all(place: Place) -> None:
    backed = place.backup()
    program = place.shell("ls /usr/lib/postgresql/*/bin/pg_dump").strip()
    place.sql('DROP TABLE "Tickets"')
    before = state(place)
    place.shell(DYING.format(program))
    try:
        with pytest.raises(OperationFailed, match="pg_dump ended with status 1"):
            place.restore(Wish(table="Tickets"), backed.id)
    finally:
        place.shell(f"mv {program}.whole {program}")
    after, found = state(place), place.sql("SELECT relname FROM pg_class WHERE relname = 'Tickets'")
    place.restore(Wish(table="Tickets"), backed.id)

    assert (after, found) == (before, "")


def test_a_table_that_is_there_gets_its_old_rows_beside_it(place: Place) -> None:
    backed = place.backup()
    place.sql("UPDATE people SET name = 'lost'")

    done = place.restore(Wish(table="people"), backed.id)
    schema = done.table.split(".")[0]
    place.sql(
        f"SET search_path = {schema}; UPDATE public.people SET name = old.name FROM people old WHERE old.id = public.people.id"  # noqa: S608
    )
    place.sql(f"DROP SCHEMA {schema} CASCADE")

    assert re.fullmatch(r"restored_\d{8}t\d{6}\.people", done.table)
    assert place.sql("SELECT count(*) FROM people WHERE name = 'n' || id") == "1000"
    assert place.sql("SELECT count(*) FROM pg_database WHERE datname ~ 'passing'") == "0"


def test_a_table_that_the_backup_does_not_have_is_said_before_anything_is_done(place: Place) -> None:
    place.backup()

    with pytest.raises(UsageError, match="has no table invoices"):
        place.restore(Wish(table="invoices"))


def test_a_swap_wants_the_database_typed_and_old_data_fails_the_dead_mans_switch(place: Place) -> None:
    place.backup()
    before = state(place)

    swap = place.command("backup.restore", "--name", "tickets", "--swap")
    _out, told = swap.communicate(timeout=300)
    late = place.command("backup.list", "--name", "tickets", "--max-age", "1ms")
    _out, said = late.communicate(timeout=300)
    fresh = place.command("backup.list", "--name", "tickets", "--max-age", "1d")
    fresh.communicate(timeout=300)

    assert (swap.returncode, late.returncode, fresh.returncode) == (4, 1, 0)
    assert "takes the place of the database tickets" in told
    assert "the newest good backup is" in said
    assert state(place) == before
