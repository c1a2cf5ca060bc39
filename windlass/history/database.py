"""The history of all runs: `.windlass/history.sqlite`. Several runs may write at once; a file that is broken is put aside."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, TypeVar

from windlass.history.ledger import CHANGED, HostBooks

VERSION: Final = 1
NAME: Final = "history.sqlite"
PATIENCE: Final = 10.0  # seconds that one run waits for another to have written
SLOWEST: Final = 5  # operations of each host that are kept for having taken long, besides those that changed something or failed
_ORDER: Final = "rowid DESC"  # the one that began last first: names tell the time, which may have gone back
_BROKEN: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_TABLES: Final = """
CREATE TABLE runs (run TEXT PRIMARY KEY, task TEXT, environment TEXT, command TEXT, operator TEXT, checked INTEGER, began REAL,
    seconds REAL, status TEXT, exit_code INTEGER, message TEXT, hint TEXT) STRICT;
CREATE TABLE hosts (run TEXT REFERENCES runs ON DELETE CASCADE, host TEXT, status TEXT, message TEXT, ok INTEGER, changed INTEGER,
    failed INTEGER, connecting REAL, waiting REAL, working REAL, round_trips INTEGER, bytes_sent INTEGER, bytes_received INTEGER,
    PRIMARY KEY (run, host)) STRICT;
CREATE TABLE operations (run TEXT, host TEXT, number INTEGER, title TEXT, status TEXT, seconds REAL, summary TEXT, last_lines TEXT,
    PRIMARY KEY (run, host, number), FOREIGN KEY (run, host) REFERENCES hosts ON DELETE CASCADE) STRICT;
CREATE INDEX hosts_by_name ON hosts (host);
"""
_ENTER_HOST: Final = "INSERT INTO hosts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ENTER_OPERATION: Final = "INSERT INTO operations VALUES (?, ?, ?, ?, ?, ?, ?, ?)"

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run. `status` is that of `--json`, or `running` where its end was never told."""

    run: str
    task: str
    environment: str
    command: str = ""
    operator: str = ""
    checked: bool = False
    began: float = 0.0
    seconds: float = 0.0
    status: str = "running"
    exit_code: int = 0
    message: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRow:
    """What one host came to in a run."""

    host: str
    status: str
    message: str
    ok: int
    changed: int
    failed: int
    connecting: float
    waiting: float
    working: float
    round_trips: int
    bytes_sent: int
    bytes_received: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRow:
    """One operation that is worth remembering."""

    host: str
    number: int
    title: str
    status: str
    seconds: float
    summary: str
    last_lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetting:
    """What is forgotten: runs beyond the newest `keep`, and those that began before this moment unless they are among the newest
    `spare`."""

    before: float
    keep: int
    spare: int = 0


class NewerHistory(Exception):  # noqa: N818 - reads as what it is
    """The file was made by a later version, which this one must not write to."""


class History:
    """Reads and writes the file. All methods raise sqlite3.Error or OSError where it cannot be used, NewerHistory for a newer one.

    `notes` tells what had to be done to go on.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.notes: list[str] = []

    def write(self, run: RunRow, hosts: list[HostBooks]) -> None:
        """Enter a run, or what is known of it by now."""
        self._with(lambda database: _write(database, run, hosts))

    def conclude(self, run: RunRow, hosts: list[HostBooks], forgetting: Forgetting) -> list[str]:
        """Enter a run that is over, and forget old ones with it. Gives the ids of those that stay."""

        def work(database: sqlite3.Connection) -> list[str]:
            _write(database, run, hosts)
            return _forget(database, forgetting)

        return self._with(work)

    def runs(self, *, environment: str = "", host: str = "", task: str = "", last: int = 20) -> list[tuple[RunRow, list[HostRow]]]:
        """The newest runs, the newest first, each with its hosts. Those on its twin in the lab are an environment's, too."""
        wanted = "(? = '' OR environment IN (?, ? || ' (lab)')) AND (? = '' OR task = ?)"
        on_host = "(? = '' OR run IN (SELECT run FROM hosts WHERE host = ?))"
        statement = f"SELECT * FROM runs WHERE {wanted} AND {on_host} ORDER BY {_ORDER} LIMIT ?"  # noqa: S608 - no input

        def work(database: sqlite3.Connection) -> list[tuple[RunRow, list[HostRow]]]:
            rows = database.execute(statement, (environment, environment, environment, task, task, host, host, last)).fetchall()
            return [(_run(row), _hosts(database, row["run"])) for row in rows]

        return self._with(work)

    def find(self, name: str) -> list[str]:
        """The ids of the runs that begin like this, the newest first."""
        statement = f"SELECT run FROM runs WHERE substr(run, 1, length(?)) = ? ORDER BY {_ORDER}"  # noqa: S608 - no input
        return self._with(lambda database: [row["run"] for row in database.execute(statement, (name, name))])

    def show(self, run: str) -> tuple[RunRow, list[HostRow], list[OperationRow]]:
        """All that is known of a run. Raises LookupError where there is none."""

        def work(database: sqlite3.Connection) -> tuple[RunRow, list[HostRow], list[OperationRow]]:
            row = database.execute("SELECT * FROM runs WHERE run = ?", (run,)).fetchone()
            if row is None:
                raise LookupError(run)
            found = database.execute("SELECT * FROM operations WHERE run = ? ORDER BY host, number", (run,))
            return _run(row), _hosts(database, run), [_operation(each) for each in found]

        return self._with(work)

    @property
    def is_there(self) -> bool:
        """Whether anything was ever entered; reading would begin a history where there is none."""
        return self.path.exists()

    def _with(self, work: Callable[[sqlite3.Connection], Value]) -> Value:
        try:
            with _opened(self.path) as database:
                return work(database)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) not in _BROKEN:
                raise
        self._put_aside()
        with _opened(self.path) as database:
            return work(database)

    def _put_aside(self) -> None:
        """Move a broken file away. Of several runs that find it so, one does; the others see that it is mended."""
        with (self.path.parent / "history.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _is_broken(self.path):
                return
            aside = self.path.with_name(f"{NAME}.broken-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}")
            self.path.rename(aside)
            for ending in ("-wal", "-shm"):
                self.path.with_name(NAME + ending).unlink(missing_ok=True)
        self.notes.append(f"the history could not be read and was put aside as {aside}; a new one has begun")


def _is_broken(path: Path) -> bool:
    try:
        with _opened(path) as database:
            return bool(database.execute("PRAGMA quick_check").fetchone()[0] != "ok")
    except sqlite3.DatabaseError as error:
        return getattr(error, "sqlite_errorcode", 0) in _BROKEN


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """One transaction: all or nothing, and others wait for it rather than fail."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as database:
        database.row_factory = sqlite3.Row
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA foreign_keys = ON")
        database.execute("BEGIN IMMEDIATE")
        try:
            _prepare(database)
            yield database
        except BaseException:
            with suppress(sqlite3.Error):
                database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")


def _prepare(database: sqlite3.Connection) -> None:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise NewerHistory
    if version == 0:
        for statement in _TABLES.split(";"):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {VERSION}")


def _write(database: sqlite3.Connection, run: RunRow, hosts: list[HostBooks]) -> None:
    database.execute("DELETE FROM hosts WHERE run = ?", (run.run,))
    _enter(database, run)
    database.executemany(_ENTER_HOST, (_host_row(run.run, host) for host in hosts))
    database.executemany(_ENTER_OPERATION, (row for host in hosts for row in _operation_rows(run.run, host)))


def _forget(database: sqlite3.Connection, what: Forgetting) -> list[str]:
    newest = f"SELECT run FROM runs ORDER BY {_ORDER} LIMIT ?"  # noqa: S608 - no input
    old = f"(began < ? AND run NOT IN ({newest}))"
    statement = f"DELETE FROM runs WHERE {old} OR run NOT IN ({newest})"  # noqa: S608 - no input
    database.execute(statement, (what.before, what.spare, what.keep))
    return [run for (run,) in database.execute("SELECT run FROM runs")]


def _enter(database: sqlite3.Connection, run: RunRow) -> None:
    """A run keeps the place that it was given when it began."""
    told = ((field.name, getattr(run, field.name)) for field in fields(run))
    row = {name: _text(value) if isinstance(value, str) else value for name, value in told}
    changes = ", ".join(f"{name} = excluded.{name}" for name in row)
    statement = f"INSERT INTO runs ({', '.join(row)}) VALUES ({', '.join('?' for _name in row)})"  # noqa: S608 - names of ours
    database.execute(f"{statement} ON CONFLICT (run) DO UPDATE SET {changes}", tuple(row.values()))


def _host_row(run: str, host: HostBooks) -> tuple[object, ...]:
    counts = (host.count("ok"), host.count(*CHANGED), host.count("failed"))
    times = tuple(round(seconds, 6) for seconds in (host.connecting, host.waiting, host.working))
    return run, host.name, host.status, _text(host.message), *counts, *times, host.round_trips, host.bytes_sent, host.bytes_received


def _operation_rows(run: str, host: HostBooks) -> Iterator[tuple[object, ...]]:
    slowest = {id(entry) for entry in host.slowest(SLOWEST)}
    for number, entry in enumerate(host.entries):
        if entry.status in (*CHANGED, "failed") or id(entry) in slowest:
            title, summary, lines = map(_text, (entry.title, entry.summary, "\n".join(entry.last_lines)))
            yield run, host.name, number, title, entry.status, entry.seconds, summary, lines


def _text(told: str) -> str:
    """As the event log has it: bytes of a file's name that are no text are half characters, which SQLite does not take."""
    return told if told.isascii() else told.encode("utf-8", "backslashreplace").decode()


def _run(row: sqlite3.Row) -> RunRow:
    members = {name: row[name] for name in row.keys()}  # noqa: SIM118 - iterating a row gives its values
    return RunRow(**(members | {"checked": bool(members["checked"])}))


def _hosts(database: sqlite3.Connection, run: str) -> list[HostRow]:
    found = database.execute("SELECT * FROM hosts WHERE run = ? ORDER BY host", (run,))
    return [HostRow(**{field.name: row[field.name] for field in fields(HostRow)}) for row in found]


def _operation(row: sqlite3.Row) -> OperationRow:
    members = {field.name: row[field.name] for field in fields(OperationRow)}
    return OperationRow(**(members | {"last_lines": tuple(row["last_lines"].splitlines())}))
