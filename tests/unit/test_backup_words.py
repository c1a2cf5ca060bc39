"""What a person reads when a backup has come back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from windlass.flows.backups.restore import Restored
from windlass.plans.restoration import Wish
from windlass.tasks.backup_words import restored

THEN = "as it was on 2026-11-20 02:30:00 UTC"
DONE = Restored(
    name="tickets",
    backup="20261120T023000Z-1a2b3c",
    taken=datetime(2026, 11, 20, 2, 30, tzinfo=UTC),
    database="tickets_restored_20261120t101500",
    tables=2,
    rows=42,
    host="db2",
    seconds={"restore": 61.0},
)


def test_it_is_said_where_the_data_is_now_and_what_to_do_next() -> None:
    swapped = replace(DONE, database="tickets", before="tickets_before_20261120t101500", milliseconds=12.4, roles=("shop",))
    table = replace(DONE, database="tickets", table="public.people", rows=1)

    assert restored(DONE, Wish()).text.splitlines() == [
        f"tickets_restored_20261120t101500 on db2 holds tickets {THEN}: 42 rows in 2 tables, counted and equal",
        "the live database is untouched; --swap lets a restored one take its place",
        "took 1 min 1 s",
    ]
    assert restored(swapped, Wish(swap=True)).text.splitlines() == [
        f"tickets on db2 holds tickets {THEN}: 42 rows in 2 tables, counted and equal",
        "the swap took 12 ms; the database that was live is tickets_before_20261120t101500",
        "when you no longer need it: dropdb tickets_before_20261120t101500 (as postgres on db2)",
        "roles that db2 did not have were made: shop",
        "took 1 min 1 s",
    ]
    assert restored(table, Wish(table="people")).text.splitlines()[0] == f"public.people is in tickets on db2 {THEN}: 1 row"
