"""How a backup is brought back, and what stands in the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from windlass.errors import RefusedError, UsageError
from windlass.plans.restoration import (
    EMPTY_SERVER,
    Restoration,
    Server,
    Wish,
    differences,
    drill_room,
    name_for,
    predicted,
    refuse_unable,
    restoration,
)

STAMP = "20261120t214500"
MEBI = 1 << 20
LIVE = Server({"postgres": MEBI, "tickets": 80 * MEBI}, {"tickets": 7}, free_bytes=100 * MEBI)


def planned(wish: Wish, server: Server = LIVE, database: str = "tickets", size: int = 80 * MEBI) -> Restoration:
    return restoration(database, size, wish, server, STAMP)


def test_a_restore_goes_beside_unless_told_otherwise() -> None:
    plan = planned(Wish())

    assert (plan.into, plan.before, plan.table) == (f"tickets_restored_{STAMP}", "", "")
    assert plan.lines[-1] == "tickets is not touched"


def test_a_swap_says_what_becomes_of_the_live_database_and_its_connections() -> None:
    plan = planned(Wish(swap=True))
    quiet = planned(Wish(swap=True), replace(LIVE, connections={}))

    assert (plan.into, plan.before) == (f"tickets_restored_{STAMP}", f"tickets_before_{STAMP}")
    assert "this ends the 7 connections to tickets" in plan.lines
    assert "this ends connections to tickets; now there are none" in quiet.lines


def test_where_there_is_no_such_database_it_comes_back_under_its_own_name() -> None:
    plan = planned(Wish(swap=True), Server({}, {}, 100 * MEBI))

    assert (plan.into, plan.before) == ("tickets", "")


def test_a_name_that_postgresql_would_cut_off_is_refused() -> None:
    assert planned(Wish(into="é" * 31)).into == "é" * 31
    with pytest.raises(RefusedError, match="longer than the 63 bytes"):
        planned(Wish(into="é" * 32))


def test_a_table_that_is_missing_comes_back_in_its_place() -> None:
    plan = planned(Wish(table="people"))

    assert (plan.table, plan.beside, plan.into) == ("people", "", f"tickets_passing_{STAMP}")


def test_a_table_that_is_there_is_not_touched() -> None:
    plan = planned(Wish(table="people"), Server(LIVE.databases, {}, 100 * MEBI, table="public.people"))

    assert plan.beside == f"restored_{STAMP}"


@pytest.mark.parametrize("other", [{"swap": True}, {"into": "other"}])
def test_a_wish_that_contradicts_itself_is_none(other: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"--table and --{next(iter(other))} exclude each other"):
        Wish(table="people", **other)


@pytest.mark.parametrize(
    ("wish", "server", "said"),
    [
        (Wish(into="postgres"), LIVE, "there is a database postgres already"),
        (Wish(into="tickets"), LIVE, "there is a database tickets already"),
        (Wish(), Server(LIVE.databases, {}, 99 * MEBI), "may need 100 MiB, and 99 MiB are free"),
        (Wish(table="people"), Server({}, {}, 100 * MEBI), "no database tickets to put the table into"),
        (
            Wish(swap=True),
            Server({**LIVE.databases, f"tickets_before_{STAMP}": 1}, {}, 100 * MEBI),
            "there is a database tickets_before",
        ),
    ],
)
def test_what_would_overwrite_or_not_fit_is_refused(wish: Wish, server: Server, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        planned(wish, server)


def test_names_are_no_longer_than_postgresql_takes() -> None:
    name = name_for("d" * 63, "restored", STAMP)

    assert (len(name), name[-25:]) == (63, f"_restored_{STAMP}")


def test_every_table_that_differs_is_named() -> None:
    assert differences({"a": 1, "b": 2, "c": 3}, {"b": 2, "c": 4, "d": 5}) == (
        "a is missing (1 rows)",
        "c has 4 rows instead of 3",
        "d should not be there (5 rows)",
    )
    assert differences({"a": 1}, {"a": 1}) == ()


def test_a_drill_needs_room_for_the_dump_the_database_and_a_server() -> None:
    assert drill_room(100, 80) == 100 + 100 + EMPTY_SERVER


def test_a_server_that_cannot_take_the_dump_is_refused_before_anything_is_made() -> None:
    able = Server({}, {}, 1, version="15.20 (Debian 15.20-1)", extensions=frozenset({"plpgsql", "pgcrypto"}))

    refuse_unable("15.3", ["plpgsql"], able)
    refuse_unable("14.1", [], able)
    refuse_unable("", [], able)
    with pytest.raises(RefusedError, match=r"PostgreSQL 15\.20 .*, and the dump is of 16\.1"):
        refuse_unable("16.1", [], able)
    with pytest.raises(RefusedError, match="no extension hstore, postgis"):
        refuse_unable("15.1", ["postgis", "plpgsql", "hstore"], able)


def test_a_bigger_dump_takes_longer_than_the_one_that_was_drilled_and_a_smaller_one_not_less() -> None:
    assert predicted(60, 100, 300) == 180
    assert predicted(60, 100, 50) == 60
    assert predicted(60, 0, 50) == 60
