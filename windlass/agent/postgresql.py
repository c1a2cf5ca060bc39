"""How roles and databases of PostgreSQL come to be. All is asked and said through psql, as the system's user postgres."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import pwd
from typing import Any, Dict, List, Tuple

from windlass.agent.core import process
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.file import text_of

USER = "postgres"
ITERATIONS = 4096  # what PostgreSQL itself uses
READY_LIMIT = 30  # seconds that a server which has just been started may take


def postgres_role(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A role that may log in with a password."""
    name, password = arguments["name"], text_of(arguments["password"])
    if _not_yet(context):
        return Outcome(True, "would make", "+role %s" % name, unknown=True)
    changes = Changes()
    query = "SELECT rolcanlogin, coalesce(rolpassword, '') FROM pg_authid WHERE rolname = :'name'"
    rows = _rows(arguments, query, {"name": name})
    if not rows:
        _add(changes, arguments, "make", 'CREATE ROLE :"name" LOGIN', "+role %s" % name)
    elif rows[0][0] != "t":
        _add(changes, arguments, "may log in", 'ALTER ROLE :"name" LOGIN', "role %s: may log in" % name)
    if not rows or not fits(rows[0][1], password):
        verifier = scram(password, os.urandom(16), ITERATIONS)
        diff = "role %s: the password changes" % name if rows else ""
        _add(changes, arguments, "password", "ALTER ROLE :\"name\" PASSWORD '%s'" % verifier, diff)
    return changes.outcome(context.check)


def postgres_database(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A database, its owner, extensions in it."""
    name, owner = arguments["name"], arguments["owner"]
    if _not_yet(context):
        return Outcome(True, "would make", "+database %s" % name, unknown=True)
    changes = Changes()
    query = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = :'name'"
    rows = _rows(arguments, query, {"name": name})
    if not rows:
        make = 'CREATE DATABASE :"name" OWNER :"owner" ENCODING \'UTF8\' TEMPLATE template0'
        _add(changes, arguments, "make", make, "+database %s of %s" % (name, owner))
        context.expect("database", name)
    elif rows[0][0] != owner:
        text = "owner %s becomes %s" % (rows[0][0], owner)
        _add(changes, arguments, text, 'ALTER DATABASE :"name" OWNER TO :"owner"', "database %s: %s" % (name, text))
    has = {row[0] for row in _rows(arguments, "SELECT extname FROM pg_extension", {}, name)} if rows else set()
    for extension in arguments["extensions"]:
        if extension not in has:
            _extend(changes, arguments, extension)
    return changes.outcome(context.check)


def postgres_extension(arguments: Dict[str, Any], context: Context) -> Outcome:
    """An extension in a database, of a version if one is wanted."""
    name, database, changes = arguments["name"], arguments["database"], Changes()
    words = "%sextension %s" % ("no " if arguments["absent"] else "", name)
    if _not_yet(context):
        return Outcome(not arguments["absent"], "would make" if not arguments["absent"] else "", unknown=not arguments["absent"])
    if not _rows(arguments, "SELECT 1 FROM pg_database WHERE datname = :'name'", {"name": database}):
        if context.check and context.expected("database", database):
            return Outcome(
                not arguments["absent"], "make" if not arguments["absent"] else "", "database %s: +%s" % (database, words)
            )
        raise OperationError("there is no database %s" % database, hint="add a PostgresDatabase before this operation")
    rows = _rows(arguments, "SELECT extversion FROM pg_extension WHERE extname = :'name'", {"name": name}, database)
    text, statement = _extension_step(rows[0][0] if rows else "", arguments)
    if text:
        values = {"name": name, "version": arguments["version"]}
        changes.add(text, lambda: _say(arguments, statement, values, database), "database %s: %s: %s" % (database, words, text))
    return changes.outcome(context.check)


def _extension_step(has: str, arguments: Dict[str, Any]) -> Tuple[str, str]:
    version = arguments["version"]
    if arguments["absent"]:
        return ("drop", 'DROP EXTENSION :"name"') if has else ("", "")
    if not has:
        return "make", 'CREATE EXTENSION :"name"' + (" VERSION :'version'" if version else "")
    if version and version != has:
        return "version %s becomes %s" % (has, version), "ALTER EXTENSION :\"name\" UPDATE TO :'version'"
    return "", ""


def postgres_setting(arguments: Dict[str, Any], context: Context) -> Outcome:
    """What ALTER SYSTEM keeps of a setting."""
    name, wanted = arguments["name"], ", ".join(arguments["values"])
    if _not_yet(context):
        return Outcome(True, "would become %s" % wanted, "+%s = %s" % (name, wanted), unknown=True)
    found = _setting(arguments)
    if found is None and "." not in name:
        raise OperationError("PostgreSQL has no setting %s" % name, hint="see SHOW ALL; settings come and go with its versions")
    kept, shown, restarts, pending = found or (None, "unset", False, False)
    if kept == wanted if not arguments["absent"] else kept is None:
        return Outcome(False, "a restart of PostgreSQL is still due" if pending else "")
    changes, text = Changes(), "as configured" if arguments["absent"] else "%s becomes %s" % (shown, wanted)
    changes.add(text, lambda: _alter(arguments), "%s: %s" % (name, text))
    changes.add("a restart is needed" if restarts else "configuration read again", lambda: None)
    return changes.outcome(context.check)


_SETTING = """
SELECT json_build_array(
    (SELECT f.setting FROM pg_file_settings f
     WHERE f.name = s.name AND f.sourcefile LIKE '%/postgresql.auto.conf' ORDER BY f.seqno DESC LIMIT 1),
    current_setting(s.name), s.context = 'postmaster', s.pending_restart)
FROM pg_settings s WHERE lower(s.name) = :'name'"""


def _setting(arguments: Dict[str, Any]) -> Any:
    """What ALTER SYSTEM keeps (None for nothing), what counts now, whether it takes a restart, and whether one is due."""
    answer = _say(arguments, _SETTING, {"name": arguments["name"]}).strip()
    return json.loads(answer) if answer else None


def _alter(arguments: Dict[str, Any]) -> None:
    values = {"v%d" % number: value for number, value in enumerate(arguments["values"])}
    name = ".".join('"%s"' % part for part in arguments["name"].split("."))
    to = "TO " + ", ".join(":'%s'" % each for each in values)
    statement = "ALTER SYSTEM %s %s %s" % ("RESET" if arguments["absent"] else "SET", name, "" if arguments["absent"] else to)
    _say(arguments, statement + ";\nSELECT FROM pg_reload_conf()", values)


def fits(verifier: str, password: str) -> bool:
    """Whether a role's stored verifier was made from this password."""
    try:
        method, parameters, keys = verifier.split("$")
        iterations, salt = parameters.split(":")
        rounds, salted = int(iterations), base64.b64decode(salt, validate=True)
    except ValueError:
        return False
    return method == "SCRAM-SHA-256" and hmac.compare_digest(
        scram(password, salted, rounds), "%s$%s$%s" % (method, parameters, keys)
    )


def scram(password: str, salt: bytes, iterations: int) -> str:
    """The verifier that PostgreSQL keeps for a password (RFC 5803)."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    client = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
    stored, server = hashlib.sha256(client).digest(), hmac.new(salted, b"Server Key", hashlib.sha256).digest()
    words = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return "SCRAM-SHA-256$%d:%s$%s:%s" % (iterations, words[0], words[1], words[2])


def _add(changes: Changes, arguments: Dict[str, Any], text: str, statement: str, diff: str) -> None:
    values: Dict[str, str] = {key: arguments[key] for key in ("name", "owner") if key in arguments}
    changes.add(text, lambda: _say(arguments, statement, values), diff)


def _extend(changes: Changes, arguments: Dict[str, Any], extension: str) -> None:
    def extend() -> None:
        _say(arguments, 'CREATE EXTENSION IF NOT EXISTS :"extension"', {"extension": extension}, arguments["name"])

    changes.add("extension %s" % extension, extend, "database %s: +extension %s" % (arguments["name"], extension))


def _not_yet(context: Context) -> bool:
    """In a check the server may be what an earlier operation would install."""
    try:
        pwd.getpwnam(USER)
    except KeyError:
        return context.check and context.expects_any("package")
    return False


def _rows(arguments: Dict[str, Any], query: str, values: Dict[str, str], database: str = USER) -> List[List[str]]:
    return [line.split("|") for line in _say(arguments, query, values, database).splitlines()]


def _say(arguments: Dict[str, Any], statement: str, values: Dict[str, str], database: str = USER) -> str:
    """Have the server do something; psql itself quotes `:'value'` and `:"name"`. Raises OperationError with the server's words."""
    command = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
    command += ["--set=%s=%s" % item for item in values.items()]
    command += ["--port", str(arguments["port"]), "--dbname", database]
    completed = process.run(command, USER, {"PGCONNECT_TIMEOUT": str(READY_LIMIT)}, give=statement + ";\n", limit=120)
    if completed.status != 0:
        hint = "is the server running? See pg_lsclusters and its log in /var/log/postgresql" if completed.status == 2 else ""
        raise OperationError("PostgreSQL refused it", hint=hint, last_lines=completed.last_lines(6))
    return completed.text
