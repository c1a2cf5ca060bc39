"""How databases of PostgreSQL, schemas and extensions in them, and settings of the server come to be."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, Tuple

from windlass.agent.core import modules, psql
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome

VALUES = "windlass.agent.core.postgres_values"  # comes for a check


def postgres_database(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A database, its owner, extensions in it."""
    name, owner = arguments["name"], arguments["owner"]
    if psql.not_yet(context):
        return Outcome(True, "would make", "+database %s" % name, unknown=True)
    changes = Changes()
    query = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = :'name'"
    rows = psql.rows(arguments, query, {"name": name})
    if not rows or rows[0][0] != owner:
        psql.check_role(arguments, owner, context)
    if not rows:
        make = 'CREATE DATABASE :"name" OWNER :"owner" ENCODING \'UTF8\' TEMPLATE template0'
        _add(changes, arguments, "make", make, "+database %s of %s" % (name, owner))
        context.expect("database", name)
    elif rows[0][0] != owner:
        text = "owner %s becomes %s" % (rows[0][0], owner)
        _add(changes, arguments, text, 'ALTER DATABASE :"name" OWNER TO :"owner"', "database %s: %s" % (name, text))
    has = {row[0] for row in psql.rows(arguments, "SELECT extname FROM pg_extension", {}, name)} if rows else set()
    for extension in arguments["extensions"]:
        if extension not in has and not (context.check and context.expected("extension", "%s.%s" % (name, extension))):
            context.expect("extension", "%s.%s" % (name, extension))
            _extend(changes, arguments, extension)
    return changes.outcome(context.check)


def postgres_schema(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A schema in a database, and its owner."""
    name, owner, database, changes = arguments["name"], arguments["owner"], arguments["database"], Changes()
    there = not psql.not_yet(context) and psql.has_database(arguments, database, context)
    query = "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = :'name'"
    rows = psql.rows(arguments, query, {"name": name}, database) if there else []

    def tell(text: str, statement: str, sign: str = "") -> None:
        values = {"name": name, "owner": owner}
        diff = "database %s: %sschema %s: %s" % (database, sign, name, text)
        changes.add(text, lambda: psql.say(arguments, statement, values, database), diff)

    if there and [owner] not in rows:
        psql.check_role(arguments, owner, context)
    if not rows:
        tell("make", 'CREATE SCHEMA :"name" AUTHORIZATION :"owner"', "+")
        changes.unknown = not there  # a template may bring it
        context.expect("schema", "%s.%s" % (database, name))
    elif rows[0][0] != owner:
        tell("owner %s becomes %s" % (rows[0][0], owner), 'ALTER SCHEMA :"name" OWNER TO :"owner"')
    return changes.outcome(context.check)


def postgres_extension(arguments: Dict[str, Any], context: Context) -> Outcome:
    """An extension in a database, of a version if one is wanted."""
    name, database, changes = arguments["name"], arguments["database"], Changes()
    words = "%sextension %s" % ("no " if arguments["absent"] else "", name)
    if psql.not_yet(context):
        return Outcome(not arguments["absent"], "would make" if not arguments["absent"] else "", unknown=not arguments["absent"])
    if not psql.has_database(arguments, database, context):
        return Outcome(False) if arguments["absent"] else _in_a_new_database(name, database, context)
    rows = psql.rows(arguments, "SELECT extversion FROM pg_extension WHERE extname = :'name'", {"name": name}, database)
    if context.check and context.expected("extension", "%s.%s" % (database, name)):
        certain = not arguments["absent"] and not arguments["version"]
        return Outcome(not certain, "" if certain else "hangs on what comes before", unknown=not certain)
    text, statement = _extension_step(rows[0][0] if rows else "", arguments)
    if text:
        context.expect("extension", "%s.%s" % (database, name))
        values = {"name": name, "version": arguments["version"]}
        changes.add(text, lambda: psql.say(arguments, statement, values, database), "database %s: %s: %s" % (database, words, text))
    return changes.outcome(context.check)


def _in_a_new_database(name: str, database: str, context: Context) -> Outcome:
    """In a check: of a database that an earlier operation makes, with the extensions that it said. PL/pgSQL is in every new one."""
    if name == "plpgsql" or context.expected("extension", "%s.%s" % (database, name)):
        return Outcome(False)
    return Outcome(True, "make", "database %s: extension %s: make" % (database, name))


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
    if psql.not_yet(context):
        return Outcome(True, "would become %s" % wanted, "+%s = %s" % (name, wanted), unknown=True)
    found = _setting(arguments)
    if found is None and "." not in name:
        raise OperationError("PostgreSQL has no setting %s" % name, hint="see SHOW ALL; settings come and go with its versions")
    kept, shown, restarts, pending, wanted, kind = found or (None, "unset", False, False, wanted, ["", ""])
    if kept == wanted if not arguments["absent"] else kept is None:
        return Outcome(False, "a restart of PostgreSQL is still due" if pending else "")
    changes, text = Changes(), "as configured" if arguments["absent"] else "%s becomes %s" % (shown, wanted)
    changes.add(text, lambda: _alter(arguments), "%s: %s" % (name, text))
    changes.add("a restart is needed" if restarts else "configuration read again", lambda: None)
    if context.check and not arguments["absent"]:
        changes.unknown = not _is_taken(kind, wanted, arguments, context)
    return changes.outcome(context.check)


def _is_taken(kind: Any, wanted: str, arguments: Dict[str, Any], context: Context) -> bool:
    """Whether PostgreSQL surely takes the value: its program is asked, and what a session may set is tried out in one, too.
    Raises OperationError."""
    scope, programs = kind
    known = bool(modules.get(VALUES, context).is_taken(os.path.join(programs, "postgres"), arguments["name"], wanted))
    if scope in ("user", "superuser"):
        psql.say(arguments, "BEGIN;\nSET LOCAL %s;\nROLLBACK" % _assigned(arguments), _named(arguments))
    return known or scope in ("user", "superuser")


_SETTING = """
SELECT json_build_array(
    (SELECT f.setting FROM pg_file_settings f
     WHERE f.name = s.name AND f.sourcefile LIKE '%/postgresql.auto.conf' ORDER BY f.seqno DESC LIMIT 1),
    current_setting(s.name), s.context = 'postmaster', s.pending_restart,
    (SELECT string_agg(CASE WHEN s.name = ANY (string_to_array(:'lists', ',')) THEN quote_ident(each) ELSE each END, ', ')
     FROM json_array_elements_text(:'wanted') each),
    json_build_array(s.context, (SELECT c.setting FROM pg_config c WHERE c.name = 'BINDIR')))
FROM pg_settings s WHERE lower(s.name) = :'name'"""


def _setting(arguments: Dict[str, Any]) -> Any:
    """What ALTER SYSTEM keeps (None: nothing), counts now, if that takes a restart, if one is due, what is wanted, its kind."""
    values = {"name": arguments["name"], "wanted": json.dumps(arguments["values"]), "lists": ",".join(arguments["lists"])}
    return psql.look(arguments, _SETTING, values)


def _alter(arguments: Dict[str, Any]) -> None:
    what = "RESET " + _quoted(arguments) if arguments["absent"] else "SET " + _assigned(arguments)
    psql.say(arguments, "ALTER SYSTEM %s;\nSELECT FROM pg_reload_conf()" % what, _named(arguments))


def _quoted(arguments: Dict[str, Any]) -> str:
    return ".".join('"%s"' % part for part in arguments["name"].split("."))


def _assigned(arguments: Dict[str, Any]) -> str:
    """The setting and its values, which psql fills in."""
    return "%s TO %s" % (_quoted(arguments), ", ".join(":'%s'" % each for each in _named(arguments)))


def _named(arguments: Dict[str, Any]) -> Dict[str, str]:
    return {"v%d" % number: value for number, value in enumerate(arguments["values"])}


def _add(changes: Changes, arguments: Dict[str, Any], text: str, statement: str, diff: str) -> None:
    values: Dict[str, str] = {key: arguments[key] for key in ("name", "owner") if key in arguments}
    changes.add(text, lambda: psql.say(arguments, statement, values), diff)


def _extend(changes: Changes, arguments: Dict[str, Any], extension: str) -> None:
    def extend() -> None:
        psql.say(arguments, 'CREATE EXTENSION IF NOT EXISTS :"extension"', {"extension": extension}, arguments["name"])

    changes.add("extension %s" % extension, extend, "database %s: +extension %s" % (arguments["name"], extension))
