"""Asking and telling this host's PostgreSQL, through psql, as the system's user postgres."""

from __future__ import annotations

import json
import pwd
from typing import Any, Dict, List

from windlass.agent.core import process
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError

USER = "postgres"
READY_LIMIT = 30  # seconds that a server which has just been started may take


def not_yet(context: Context) -> bool:
    """In a check the server may be what an earlier operation would install."""
    try:
        pwd.getpwnam(USER)
    except KeyError:
        return context.check and context.expects_any("package")
    return False


def has_database(arguments: Dict[str, Any], database: str, context: Context) -> bool:
    """Whether it is there; if not, an earlier operation of this check makes it, or it is no loss. Raises OperationError."""
    if rows(arguments, "SELECT 1 FROM pg_database WHERE datname = :'name'", {"name": database}):
        return True
    if arguments.get("absent") or (context.check and context.expected("database", database)):
        return False
    raise OperationError("there is no database %s" % database, hint="add a PostgresDatabase before this operation")


def check_role(arguments: Dict[str, Any], name: str, context: Context) -> None:
    """Raises OperationError if there is no such role, nor one that an earlier operation of this check makes."""
    there = (context.check and context.expected("postgres role", name)) or rows(
        arguments, "SELECT 1 FROM pg_roles WHERE rolname = :'name'", {"name": name}
    )
    if not there:
        raise OperationError("PostgreSQL has no role %s" % name, hint="add a PostgresRole before this operation")


def rows(arguments: Dict[str, Any], query: str, values: Dict[str, str], database: str = USER) -> List[List[str]]:
    """The rows that a query gives, as texts. Raises OperationError."""
    return [line.split("|") for line in process.lines(say(arguments, query, values, database))]


def look(arguments: Dict[str, Any], query: str, values: Dict[str, str], database: str = USER) -> Any:
    """What a query says that gives one row of JSON; None if it gives no row."""
    answer = say(arguments, query, values, database).strip()
    return json.loads(answer) if answer else None


def say(arguments: Dict[str, Any], statement: str, values: Dict[str, str], database: str = USER) -> str:
    """Have the server do something; psql itself quotes `:'value'` and `:"name"`. Raises OperationError with the server's words."""
    command = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
    command += ["--set=%s=%s" % item for item in values.items()]
    command += ["--port", str(arguments["port"]), "--dbname", database]
    completed = process.run(command, USER, {"PGCONNECT_TIMEOUT": str(READY_LIMIT)}, give=statement + ";\n", limit=120)
    if completed.status != 0:
        hint = "is the server running? See pg_lsclusters and its log in /var/log/postgresql" if completed.status == 2 else ""
        raise OperationError("PostgreSQL refused it", hint=hint, last_lines=completed.last_lines(6))
    return completed.text
