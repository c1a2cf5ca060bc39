"""How a backup is brought back: under which name, what becomes of the database that is there, and what is in the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from windlass.errors import RefusedError, UsageError
from windlass.values import counted

LONGEST_NAME: Final = 63  # bytes of a name in PostgreSQL
EMPTY_SERVER: Final = 700 << 20  # bytes: a new data directory and its write-ahead log


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted: into which database (a new one if empty), only one table of it, in the place of the live one."""

    into: str = ""
    table: str = ""
    swap: bool = False

    def __post_init__(self) -> None:
        if self.table and self.swap:
            raise UsageError(
                "--table and --swap exclude each other", hint="a table goes beside, or where it is missing in its own place"
            )
        if self.table and self.into:
            raise UsageError("--table and --into exclude each other", hint="a table is restored into its own database")


@dataclass(frozen=True, slots=True)
class Server:
    """What is on the server now. `databases` are the bytes of each; `table` is the wanted table's full name if it is there,
    `extensions` those that it could install."""

    databases: Mapping[str, int]
    connections: Mapping[str, int]
    free_bytes: int
    table: str = ""
    version: str = ""
    extensions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Restoration:
    """What will be done.

    into     the database that is made
    before   the name that the live database gets; empty where nothing takes its place
    table    the one table; then `into` is there only in passing, and the table goes to the schema `beside`, or in its own place
    lines    the same for a person
    """

    into: str
    before: str = ""
    table: str = ""
    beside: str = ""
    lines: tuple[str, ...] = ()


def restoration(database: str, size: int, wish: Wish, server: Server, stamp: str) -> Restoration:
    """Decide. `size` are the bytes of the database when it was dumped, `stamp` goes into new names.

    Raises RefusedError for what would overwrite something, or does not fit.
    """
    if server.free_bytes < size * 5 // 4:
        raise RefusedError(
            f"the restored database may need {size * 5 // 4 >> 20} MiB, and {server.free_bytes >> 20} MiB are free",
            hint="make room where PostgreSQL keeps its data; nothing was changed",
        )
    if wish.table:
        return _table(database, wish, server, stamp)
    if wish.swap and database not in server.databases:
        return Restoration(database, lines=(f"there is no database {database}: the backup is restored under that name",))
    into = wish.into or name_for(database, "restored", stamp)
    if len(into.encode()) > LONGEST_NAME:
        raise RefusedError(f"{into} is longer than the {LONGEST_NAME} bytes that PostgreSQL takes", hint="say a shorter --into")
    if into in server.databases:
        raise RefusedError(f"there is a database {into} already", hint="nothing is overwritten: say another --into, or drop it")
    if not wish.swap:
        return Restoration(into, lines=(f"the backup is restored into the new database {into}", f"{database} is not touched"))
    return _swap(database, into, server, stamp)


def refuse_unable(source_version: str, extensions: Iterable[str], server: Server) -> None:
    """Raises RefusedError for a server on which the dump cannot come back: an older one, or one without its extensions."""
    if _major(server.version) < _major(source_version):
        raise RefusedError(
            f"the server is PostgreSQL {server.version}, and the dump is of {source_version}",
            hint="a dump goes to the same or a newer version; nothing was changed",
        )
    lacking = sorted(set(extensions) - server.extensions)
    if lacking:
        raise RefusedError(
            f"the server has no extension {', '.join(lacking)}", hint="install the packages that bring it; nothing was changed"
        )


def predicted(seconds: float, drilled_bytes: int, raw_bytes: int) -> float:
    """Seconds that a restore may take, when a drill of a dump of so many bytes took `seconds`: as many more as there are bytes."""
    return seconds * max(1.0, raw_bytes / drilled_bytes) if drilled_bytes else seconds


def _major(version: str) -> int:
    """15 of `15.20 (Debian 15.20-1)`; 0 where nothing is known."""
    digits = version.partition(".")[0].partition(" ")[0]
    return int(digits) if digits.isdigit() else 0


def differences(expected: Mapping[str, int], found: Mapping[str, int]) -> tuple[str, ...]:
    """How rows differ from what they should be, one line for each table that does."""
    lines = []
    for table in sorted({*expected, *found}):
        if table not in found:
            lines.append(f"{table} is missing ({expected[table]} rows)")
        elif table not in expected:
            lines.append(f"{table} should not be there ({found[table]} rows)")
        elif expected[table] != found[table]:
            lines.append(f"{table} has {found[table]} rows instead of {expected[table]}")
    return tuple(lines)


def drill_room(raw_bytes: int, size: int) -> int:
    """Bytes that a drill needs: the plain dump, the database, and an empty server."""
    return raw_bytes + size * 5 // 4 + EMPTY_SERVER


def name_for(database: str, word: str, stamp: str) -> str:
    """`tickets_restored_20261120t2145`, no longer than PostgreSQL takes."""
    ending = f"_{word}_{stamp}"
    return database[: LONGEST_NAME - len(ending)] + ending


def _table(database: str, wish: Wish, server: Server, stamp: str) -> Restoration:
    if database not in server.databases:
        raise RefusedError(
            f"there is no database {database} to put the table into", hint="restore the whole backup, without --table"
        )
    passing = name_for(database, "passing", stamp)
    if server.table:
        beside = f"restored_{stamp}"
        lines = (
            f"{server.table} is there and is not touched: the rows of the backup go beside it, into the schema {beside}",
            "indexes and constraints are left out there",
        )
        return Restoration(passing, table=wish.table, beside=beside, lines=lines)
    line = f"{wish.table} is missing in {database}: it comes back in its own place, with indexes, constraints and privileges"
    return Restoration(passing, table=wish.table, lines=(line,))


def _swap(database: str, into: str, server: Server, stamp: str) -> Restoration:
    before = name_for(database, "before", stamp)
    if before in server.databases:
        raise RefusedError(f"there is a database {before} already", hint="try again in a minute")
    lines = (
        f"the backup is restored into {into} and compared with what it should hold",
        f"then, in one transaction, {database} becomes {before} and {into} becomes {database}",
        f"this ends {_who_is_on(database, server.connections.get(database, 0))}",
        f"what was written after the backup is then in {before} alone, which stays until you drop it",
    )
    return Restoration(into, before=before, lines=lines)


def _who_is_on(database: str, connections: int) -> str:
    if not connections:
        return f"connections to {database}; now there are none"
    return f"the {counted(connections, 'connection')} to {database}"
