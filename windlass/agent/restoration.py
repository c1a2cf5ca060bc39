"""Bringing dumps back into this host's PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import time
from typing import Any, Dict, Tuple

from windlass.agent.core import fingerprints, postgres, process, roles
from windlass.agent.core.context import Context
from windlass.agent.core.guard import Guard
from windlass.agent.core.outcome import OperationError, Outcome
from windlass.agent.core.pipeline import Pipeline, Stage
from windlass.agent.core.postgres import SUPERUSER, Server
from windlass.agent.core.replica import create, dress
from windlass.agent.core.sealing import UNSQUEEZE
from windlass.agent.core.workplace import workplace
from windlass.agent.database import decode
from windlass.agent.file import received

SWAP_LIMIT = 60.0  # seconds
# The commit is said by whoever knows that pg_dump came to its end: psql reads a
# program's output statement by statement (its --single-transaction is for files), and takes one that breaks off for all of it.
WHOLE_OR_NOTHING = ["sh", "-c", 'echo "BEGIN;"; "$@" && echo "COMMIT;"', "sh"]
ATTEMPTS = 3  # PostgreSQL itself waits 5 s in each for connections to end

_FIND_TABLE = """
SELECT json_build_array(format('%I', n.nspname), format('%I', c.relname))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND CASE WHEN strpos(:'table', '.') > 0 THEN n.nspname || '.' || c.relname = :'table'
                                       ELSE c.relname = :'table' AND n.nspname = 'public' END;
"""
_COUNT = "SELECT to_json(count(*)) FROM %s;"
_END_CONNECTIONS = """
SELECT to_json(count(pg_terminate_backend(pid))) FROM pg_stat_activity
WHERE datname IN (:'database', :'restored') AND pid <> pg_backend_pid();
"""
_RENAME = """
BEGIN;
ALTER DATABASE :"database" RENAME TO :"before";
ALTER DATABASE :"restored" RENAME TO :"database";
COMMIT;
"""


def restore(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A whole dump into a new database."""
    if context.check:
        return Outcome(True, "restore into %s" % arguments["database"], unknown=True)
    started = time.monotonic()
    with Guard(context, arguments["limit_seconds"]) as guard:
        server = postgres.server(guard)
        rows = _restored(guard, server, arguments, arguments["database"], context)
    return Outcome(True, data={"tables": rows, "seconds": round(time.monotonic() - started, 3)})


def _restored(guard: Guard, server: Server, arguments: Dict[str, Any], database: str, context: Context) -> Dict[str, int]:
    """Make the database and fill it; the rows of its tables. If that fails it is gone again."""
    if server.has(guard, database):
        raise OperationError("there is a database %s already" % database, hint="nothing is overwritten: choose another name")
    create(guard, server, database, arguments["source"])  # not in what follows: one that we have not made is not ours to drop
    try:
        reader = [server.program("pg_restore"), "--exit-on-error", "--no-password", "--dbname", database]
        decode(guard, arguments["content"], Stage("pg_restore", reader, SUPERUSER, server.environment), context)
        dress(guard, server, database, arguments["source"])
        server.ask(guard, database, "ANALYZE;")
        return fingerprints.told(server.ask(guard, database, fingerprints.tables_up_to(0)))[0]
    except BaseException:
        server.drop(database)
        raise


def make_roles(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Of what pg_dumpall wrote, one statement a line, those about roles that are not there; in one transaction."""
    with Guard(context, arguments["limit_seconds"]) as guard, workplace() as work:
        server = postgres.server(guard)
        path = os.path.join(work, "globals")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            pipeline = Pipeline(guard, [Stage("zstd", UNSQUEEZE)], give=True, into=descriptor)
            pipeline.feed(received(arguments["content"], context))
            pipeline.finish()
        finally:
            os.close(descriptor)
        there = server.ask(guard, "postgres", "SELECT to_json(quote_ident(rolname)) FROM pg_roles;")
        with open(path, encoding="utf-8") as handle:
            made, statements = roles.missing(handle, there)
        if made and not context.check:
            # An error must not quote the statement, which holds a password's verifier.
            command = server.psql("postgres", {"VERBOSITY": "terse"}) + ["--single-transaction"]
            guard.run(command, SUPERUSER, server.environment, "\n".join(statements))
    return Outcome(bool(made), "make the roles %s" % ", ".join(made) if made else "", data={"made": made})


def has_table(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Whether a table is there, under its full name."""
    with Guard(context, 60.0) as guard:
        found = postgres.server(guard).ask(guard, arguments["database"], _FIND_TABLE, {"table": arguments["table"]})
    return Outcome(False, data={"found": ".".join(found[0]) if found else ""})


def restore_table(arguments: Dict[str, Any], context: Context) -> Outcome:
    """One table, by way of a database that is there only in passing."""
    if context.check:
        return Outcome(True, "restore the table %s" % arguments["table"], unknown=True)
    started = time.monotonic()
    passing = arguments["passing"]
    with Guard(context, arguments["limit_seconds"]) as guard:
        server = postgres.server(guard)
        rows = _restored(guard, server, arguments, passing, context)
        try:
            found = server.ask(guard, passing, _FIND_TABLE, {"table": arguments["table"]})
            if not found:
                raise OperationError("the backup has no table %s" % arguments["table"], hint="it has %s" % ", ".join(sorted(rows)))
            schema, table = found[0]
            now = _move(guard, server, schema, table, arguments)
            count = server.ask(guard, arguments["into"], _COUNT % now)[0]
        finally:
            server.drop(passing)
    if count != rows["%s.%s" % (schema, table)]:
        raise OperationError("%s has %d rows, and the backup has %d" % (now, count, rows["%s.%s" % (schema, table)]))
    return Outcome(True, data={"table": now, "rows": count, "seconds": round(time.monotonic() - started, 3)})


def _move(guard: Guard, server: Server, schema: str, table: str, arguments: Dict[str, Any]) -> str:
    """Carry the table over in one transaction; its name there."""
    beside, passing = arguments["beside"], arguments["passing"]
    dump = [server.program("pg_dump"), "--no-password", "--dbname", passing]
    if beside:
        statements = 'CREATE SCHEMA :"beside" AUTHORIZATION :"owner"; ALTER TABLE %s.%s SET SCHEMA :"beside";' % (schema, table)
        server.ask(guard, passing, statements, {"beside": beside, "owner": arguments["source"].get("owner", SUPERUSER)})
        dump += ["--schema", '"%s"' % beside, "--section=pre-data", "--section=data"]
    else:
        dump += ["--table", "%s.%s" % (schema, table)]
    load = server.psql(arguments["into"]) + ["--output=/dev/null"]
    stages = [
        Stage("pg_dump", WHOLE_OR_NOTHING + dump, SUPERUSER, server.environment),
        Stage("psql", load, SUPERUSER, server.environment),
    ]
    pipeline = Pipeline(guard, stages)
    for _line in pipeline.chunks():
        pass
    pipeline.finish()
    return "%s.%s" % (beside or schema, table)


def swap(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Two renames in one transaction. It holds newcomers off from its first statement on, and waits for those who are there,
    who are sent away meanwhile; so nobody can slip in between."""
    if context.check:
        return Outcome(True, "rename", unknown=True)
    names = {name: arguments[name] for name in ("database", "restored", "before")}
    started = time.monotonic()
    with Guard(context, SWAP_LIMIT) as guard:
        server = postgres.server(guard)
        for name in (names["database"], names["restored"]):
            if not server.has(guard, name):
                raise OperationError("there is no database %s" % name)
        status, complaint = _attempt(guard, server, names)
        for _more in range(ATTEMPTS - 1):
            if status != 0 and b"being accessed by other users" in complaint:
                status, complaint = _attempt(guard, server, names)
        guard.check()
    if status != 0:
        lines = complaint.decode("utf-8", "replace").splitlines()[-8:]
        raise OperationError("the databases could not be renamed: all is as it was", last_lines=lines)
    return Outcome(True, data={"milliseconds": round((time.monotonic() - started) * 1000, 1)})


def _attempt(guard: Guard, server: Server, names: Dict[str, str]) -> Tuple[int, bytes]:
    """Exit status and complaints of the transaction."""
    pipes = (subprocess.PIPE, subprocess.DEVNULL, subprocess.PIPE)
    renaming = guard.start(server.psql("postgres", names), SUPERUSER, server.environment, pipes=pipes)
    assert renaming.stdin  # noqa: S101 - it was started with a pipe
    renaming.stdin.write(_RENAME.encode())
    renaming.stdin.close()
    while renaming.poll() is None:
        process.run(server.psql("postgres", names), SUPERUSER, server.environment, give=_END_CONNECTIONS, limit=30)
        time.sleep(0.05)
    assert renaming.stderr  # noqa: S101
    return renaming.returncode, renaming.stderr.read()
