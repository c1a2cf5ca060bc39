"""Which statements of pg_dumpall's are needed on a server that has some of the roles."""

from __future__ import annotations

from windlass.agent.core.roles import missing

GLOBALS = r'''\restrict abc
SET default_transaction_read_only = off;
CREATE ROLE app;
ALTER ROLE app WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM-SHA-256$4096:x';
CREATE ROLE "Odd ""one""";
ALTER ROLE "Odd ""one""" WITH NOSUPERUSER NOLOGIN;
CREATE ROLE postgres;
ALTER ROLE postgres WITH SUPERUSER PASSWORD 'SCRAM-SHA-256$4096:stolen';
ALTER ROLE app SET work_mem TO '7MB';
GRANT "Odd ""one""" TO app GRANTED BY postgres;
GRANT app TO postgres;
CREATE TABLESPACE fast OWNER app LOCATION '/fast';
'''


def test_only_what_makes_a_role_that_is_missing_is_taken() -> None:
    made, statements = missing(GLOBALS.splitlines(keepends=True), ["postgres", "app"])

    assert made == ['"Odd ""one"""']
    assert statements == ['CREATE ROLE "Odd ""one""";', 'ALTER ROLE "Odd ""one""" WITH NOSUPERUSER NOLOGIN;']


def test_password_settings_and_memberships_come_with_a_role_and_nothing_touches_one_that_is_there() -> None:
    made, statements = missing(GLOBALS.splitlines(keepends=True), ["postgres"])

    assert made == ["app", '"Odd ""one"""']
    assert "ALTER ROLE app SET work_mem TO '7MB';" in statements
    assert 'GRANT "Odd ""one""" TO app GRANTED BY postgres;' in statements
    assert not [line for line in statements if "stolen" in line or "TABLESPACE" in line or line.endswith("TO postgres;")]


def test_where_all_are_there_nothing_is_done() -> None:
    assert missing(GLOBALS.splitlines(keepends=True), ["postgres", "app", '"Odd ""one"""']) == ([], [])
