"""How roles of PostgreSQL come to be, what they may, and how they go."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from typing import Any, Dict, List, Optional

from windlass.agent.core import psql
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.file import text_of

ITERATIONS = 4096  # what PostgreSQL itself uses
NEW: Dict[str, Any] = {"limit": -1, "groups": [], "settings": []}  # a role of which nothing is said

# The dates are compared by the server, which knows its time zone. Elements of lists are kept as names are quoted.
_LOOK = """
SELECT json_build_object(
    'role', (SELECT json_build_object(
        'SUPERUSER', rolsuper, 'CREATEDB', rolcreatedb, 'CREATEROLE', rolcreaterole, 'INHERIT', rolinherit, 'LOGIN', rolcanlogin,
        'REPLICATION', rolreplication, 'BYPASSRLS', rolbypassrls, 'password', coalesce(rolpassword, ''), 'limit', rolconnlimit,
        'until', rolvaliduntil::text, 'until_fits', coalesce(rolvaliduntil, 'infinity') = nullif(:'until', '')::timestamptz,
        'groups', (SELECT coalesce(json_agg(json_build_array(pg_get_userbyid(m.roleid), pg_get_userbyid(m.grantor))), '[]')
            FROM pg_auth_members m WHERE m.member = a.oid),
        'settings', coalesce((SELECT s.setconfig FROM pg_db_role_setting s WHERE s.setrole = a.oid AND s.setdatabase = 0), '{}'),
        'depends', (SELECT count(*) FROM pg_shdepend d WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = a.oid))
        FROM pg_authid a WHERE rolname = :'name'),
    'grantors', current_setting('server_version_num')::int >= 160000,
    'unknown_groups', (SELECT coalesce(json_agg(name), '[]') FROM json_array_elements_text(:'groups') name
        WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)),
    'unknown_settings', (SELECT coalesce(json_agg(given), '[]') FROM json_array_elements_text(:'names') given
        WHERE strpos(given, '.') = 0 AND NOT EXISTS (SELECT FROM pg_settings s WHERE lower(s.name) = given)),
    'settings', (SELECT coalesce(json_object_agg(key, (SELECT string_agg(
            CASE WHEN key = ANY (string_to_array(:'lists', ',')) THEN quote_ident(each) ELSE each END, ', ')
            FROM json_array_elements_text(value) each)), '{}')
        FROM json_each(:'settings')))"""


def postgres_role(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A role with its attributes, password, groups and settings; or none."""
    name, absent = arguments["name"], arguments["absent"]
    if psql.not_yet(context):
        context.expect("postgres role", name)
        return Outcome(not absent, "" if absent else "would make", "" if absent else "+role %s" % name, unknown=not absent)
    found = _look(arguments)
    changes, has = Changes(), found["role"]
    if absent:
        if has:
            _want_gone(changes, arguments, has, context)
        return changes.outcome(context.check)
    _check_named(found, context)
    if not has:
        _tell(changes, arguments, "make", 'CREATE ROLE :"name" %s' % " ".join(arguments["attributes"]), "+role %s" % name)
        context.expect("postgres role", name)
    else:
        _want_attributes(changes, arguments, has)
    _want_password(changes, arguments, has)
    _want_limits(changes, arguments, has or NEW)
    _want_groups(changes, arguments, (has or NEW)["groups"], found["grantors"])
    _want_settings(changes, arguments, (has or NEW)["settings"], found["settings"])
    return changes.outcome(context.check)


def _look(arguments: Dict[str, Any]) -> Any:
    settings = {name: values for name, values in arguments["settings"].items() if values is not None}
    texts = {
        "groups": json.dumps(arguments["member_of"]),
        "settings": json.dumps(settings),
        "names": json.dumps(list(arguments["settings"])),
    }
    values = dict(texts, name=arguments["name"], until=arguments["valid_until"], lists=",".join(arguments["lists"]))
    return psql.look(arguments, _LOOK, values)


def _check_named(found: Dict[str, Any], context: Context) -> None:
    """Raises OperationError for groups and settings that do not exist."""
    for group in found["unknown_groups"]:
        if not (context.check and context.expected("postgres role", group)):
            raise OperationError("PostgreSQL has no role %s" % group, hint="add a PostgresRole before this operation")
    for name in found["unknown_settings"]:
        raise OperationError("PostgreSQL has no setting %s" % name, hint="see SHOW ALL; settings come and go with its versions")


def _want_gone(changes: Changes, arguments: Dict[str, Any], has: Dict[str, Any], context: Context) -> None:
    revoked = context.check and context.expected("postgres revoke", arguments["name"])
    if has["depends"] and not revoked:
        raise OperationError(
            "the role %s still owns something, or has privileges: %d things in all" % (arguments["name"], has["depends"]),
            hint="in each database: REASSIGN OWNED BY … TO …, then DROP OWNED BY …; nothing of that is done here, for it is data",
        )
    changes.unknown = bool(has["depends"])  # there may be more than what is revoked before
    _tell(changes, arguments, "drop", 'DROP ROLE :"name"', "-role %s" % arguments["name"])


def _want_attributes(changes: Changes, arguments: Dict[str, Any], has: Dict[str, Any]) -> None:
    wrong = [word for word in arguments["attributes"] if has[word[2:] if word.startswith("NO") else word] == word.startswith("NO")]
    if wrong:
        _tell(changes, arguments, " ".join(wrong), 'ALTER ROLE :"name" %s' % " ".join(wrong))


def _want_password(changes: Changes, arguments: Dict[str, Any], has: Any) -> None:
    password = arguments["password"] and text_of(arguments["password"])
    if password is None or (has and fits(has["password"], password)):
        return
    verifier = scram(password, os.urandom(16), ITERATIONS)
    diff = "role %s: the password changes" % arguments["name"] if has else " "
    _tell(changes, arguments, "password", "ALTER ROLE :\"name\" PASSWORD '%s'" % verifier, diff)


def _want_limits(changes: Changes, arguments: Dict[str, Any], has: Dict[str, Any]) -> None:
    limit, until = arguments["connection_limit"], arguments["valid_until"]
    if limit is not None and has["limit"] != limit:
        text = "any number of connections" if limit < 0 else "at most %d connections" % limit
        _tell(changes, arguments, text, 'ALTER ROLE :"name" CONNECTION LIMIT %d' % limit)
    if until and not has.get("until_fits", until == "infinity"):
        _tell(changes, arguments, "valid until %s" % until, "ALTER ROLE :\"name\" VALID UNTIL :'until'", values={"until": until})


def _want_groups(changes: Changes, arguments: Dict[str, Any], has: List[List[str]], grantors: bool) -> None:
    """From version 16 on each membership is somebody's grant, and a revocation takes only the one of its grantor."""
    wanted = arguments["member_of"]
    for group in wanted:
        if group not in [name for name, _grantor in has]:
            _tell(changes, arguments, "in %s" % group, 'GRANT :"group" TO :"name"', values={"group": group})
    for group, grantor in sorted(has) if arguments["only_member_of"] else ():
        if group not in wanted:
            by = ' GRANTED BY :"grantor"' if grantors else ""
            values = {"group": group, "grantor": grantor}
            _tell(changes, arguments, "no longer in %s" % group, 'REVOKE :"group" FROM :"name"' + by, values=values)


def _want_settings(changes: Changes, arguments: Dict[str, Any], kept: List[str], wanted: Dict[str, str]) -> None:
    has = {name.lower(): value for name, _sign, value in (each.partition("=") for each in kept)}
    for name, values in arguments["settings"].items():
        quoted = ".".join('"%s"' % part for part in name.split("."))
        if values is None:
            if name in has:
                _tell(changes, arguments, "%s as the server has it" % name, 'ALTER ROLE :"name" RESET %s' % quoted)
        elif has.get(name) != wanted[name]:
            given = {"v%d" % number: value for number, value in enumerate(values)}
            statement = 'ALTER ROLE :"name" SET %s TO %s' % (quoted, ", ".join(":'%s'" % each for each in given))
            _tell(changes, arguments, "%s = %s" % (name, wanted[name]), statement, values=given)


def _tell(
    changes: Changes,
    arguments: Dict[str, Any],
    text: str,
    statement: str,
    diff: str = "",
    values: Optional[Dict[str, str]] = None,
) -> None:
    """Add a statement about the role."""
    given = dict(values or {}, name=arguments["name"])
    changes.add(text, lambda: psql.say(arguments, statement, given), (diff or "role %s: %s" % (arguments["name"], text)).strip())


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
