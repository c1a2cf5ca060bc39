"""How privileges of PostgreSQL are granted and revoked."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

from windlass.agent.core import psql
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome

MOST_LINES = 20  # of a diff
# For each kind: its word in GRANT, and its letters in acldefault() and in pg_default_acl.
KINDS = {
    "database": ("DATABASE", "d", "-"),
    "schema": ("SCHEMA", "n", "-"),
    "tables": ("TABLE", "r", "r"),
    "sequences": ("SEQUENCE", "s", "S"),
    "functions": ("ROUTINE", "f", "f"),
}
_RELATIONS = """
    SELECT format('%I.%I', nspname, relname) AS name, relname AS plain, relowner AS owner, relacl AS acl, relkind
    FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = :'schema'"""
OBJECTS = {
    "database": """
        SELECT quote_ident(datname) AS name, datname AS plain, datdba AS owner, datacl AS acl
        FROM pg_database WHERE datname = current_database()""",
    "schema": """
        SELECT quote_ident(nspname) AS name, nspname AS plain, nspowner AS owner, nspacl AS acl
        FROM pg_namespace WHERE nspname = :'schema'""",
    "tables": _RELATIONS + " AND relkind IN ('r', 'p', 'v', 'm', 'f')",
    "sequences": _RELATIONS + " AND relkind = 'S'",
    "functions": """
        SELECT format('%I.%I(%s)', nspname, proname, pg_get_function_identity_arguments(p.oid)) AS name, proname AS plain,
        proowner AS owner, proacl AS acl FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = :'schema'""",
}
# No ACL at all stands for what PostgreSQL gives by itself; PUBLIC is nobody's number.
_LOOK = """
WITH grantee AS (SELECT CASE WHEN :'public' = 'yes' THEN 0 ELSE (SELECT oid FROM pg_roles WHERE rolname = :'role') END AS oid),
objects AS (%(objects)s),
later AS (
    SELECT defaclnamespace AS namespace, privilege_type FROM pg_default_acl, aclexplode(defaclacl)
    WHERE defaclrole = (SELECT oid FROM pg_roles WHERE rolname = :'future_of') AND defaclobjtype = '%(future)s'
    AND grantee = (SELECT oid FROM grantee))
SELECT json_build_object(
    'role', (SELECT oid IS NOT NULL FROM grantee),
    'owner', :'future_of' = '' OR EXISTS (SELECT FROM pg_roles WHERE rolname = :'future_of'),
    'schema', EXISTS (SELECT FROM pg_namespace WHERE nspname = :'schema'),
    'all', (SELECT json_agg(DISTINCT privilege_type) FROM aclexplode(acldefault('%(letter)s', 10)) WHERE grantee = 10),
    'objects', (SELECT coalesce(json_agg(json_build_object('name', name, 'plain', plain, 'has', (
        SELECT coalesce(json_agg(DISTINCT privilege_type), '[]') FROM aclexplode(coalesce(acl, acldefault('%(letter)s', owner)))
        WHERE grantee = (SELECT oid FROM grantee)), 'by_others', (
        SELECT coalesce(json_agg(json_build_array(quote_ident(rolname), privilege_type, rolsuper)), '[]')
        FROM aclexplode(acl) JOIN pg_roles r ON r.oid = grantor
        WHERE grantee = (SELECT oid FROM grantee) AND grantor <> owner)) ORDER BY name), '[]') FROM objects),
    'future', (SELECT coalesce(json_agg(DISTINCT privilege_type), '[]') FROM later
        WHERE namespace = (SELECT oid FROM pg_namespace WHERE nspname = :'schema')),
    'everywhere', (SELECT coalesce(json_agg(DISTINCT privilege_type), '[]') FROM later WHERE namespace = 0))"""


def postgres_grant(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Privileges that a role has, or has not."""
    database, kind, absent = arguments["database"], arguments["objects"], arguments["absent"]
    if psql.not_yet(context):
        return _not_yet(arguments)
    if not psql.has_database(arguments, database, context):
        return _not_yet(arguments) if context.check and context.expected("database", database) else Outcome(False)
    found = _look(arguments)
    if absent and not found["role"]:
        return Outcome(False)
    _check_roles(arguments, found, context)
    if kind != "database" and not found["schema"]:
        return _no_schema(arguments, context)
    changes = Changes()
    wanted = _known(arguments, found["all"])
    _want_now(changes, arguments, _named(arguments, found["objects"], context), wanted)
    if arguments["future_of"] and found["owner"]:
        _want_later(changes, arguments, found, wanted)
    if absent and changes:
        context.expect("postgres revoke", arguments["role"])
    return changes.outcome(context.check)


def _not_yet(arguments: Dict[str, Any]) -> Outcome:
    """In a check, when what it is granted on is still to be made."""
    word = "revoke" if arguments["absent"] else "grant"
    return Outcome(True, "would %s %s" % (word, ", ".join(arguments["privileges"])), unknown=True)


def _look(arguments: Dict[str, Any]) -> Any:
    _word, letter, future = KINDS[arguments["objects"]]
    values = {name: arguments[name] for name in ("role", "schema", "future_of")}
    values["public"] = "yes" if arguments["role"] == "public" else "no"
    query = _LOOK % {"letter": letter, "future": future, "objects": OBJECTS[arguments["objects"]]}
    return psql.look(arguments, query, values, arguments["database"])


def _check_roles(arguments: Dict[str, Any], found: Dict[str, Any], context: Context) -> None:
    for key, name in (("role", arguments["role"]), ("owner", "" if arguments["absent"] else arguments["future_of"])):
        if name and not found[key] and not (context.check and context.expected("postgres role", name)):
            raise OperationError("PostgreSQL has no role %s" % name, hint="add a PostgresRole before this operation")


def _no_schema(arguments: Dict[str, Any], context: Context) -> Outcome:
    name = "%s.%s" % (arguments["database"], arguments["schema"])
    if context.check and (context.expected("schema", name) or context.expects_any("command")):
        return _not_yet(arguments)
    if arguments["absent"]:
        return Outcome(False)
    raise OperationError("there is no schema %s" % name, hint="add a PostgresSchema before this operation")


def _known(arguments: Dict[str, Any], known: List[str]) -> List[str]:
    """The privileges that are wanted. Raises OperationError for one that this version of PostgreSQL does not have."""
    if "ALL" in arguments["privileges"]:
        return known
    for each in arguments["privileges"]:
        if each not in known:
            raise OperationError(
                "this PostgreSQL has no privilege %s on %s" % (each, arguments["objects"]), hint="a later version has"
            )
    return list(arguments["privileges"])


def _named(arguments: Dict[str, Any], objects: List[Dict[str, Any]], context: Context) -> List[Dict[str, Any]]:
    """Those that were asked for by name; all if none was."""
    names = arguments["names"]
    missing = sorted(set(names) - {each["plain"] for each in objects})
    if missing and not arguments["absent"] and not (context.check and context.expects_any("command")):
        hint = "names are without their schema; functions without their arguments"
        raise OperationError(
            "schema %s has no %s among its %s" % (arguments["schema"], missing[0], arguments["objects"]), hint=hint
        )
    return [each for each in objects if not names or each["plain"] in names]


def _wrong(arguments: Dict[str, Any], has: List[str], wanted: List[str]) -> List[str]:
    """The privileges that are missing, or there and not wanted."""
    return [privilege for privilege in wanted if (privilege in has) == arguments["absent"]]


def _want_now(changes: Changes, arguments: Dict[str, Any], objects: List[Dict[str, Any]], wanted: List[str]) -> None:
    """One statement for all objects that lack something."""
    wrong = [(each["name"], _wrong(arguments, each["has"], wanted)) for each in objects]
    wrong = [(name, privileges) for name, privileges in wrong if privileges]
    if not wrong:
        return
    union = [privilege for privilege in wanted if any(privilege in privileges for _name, privileges in wrong)]
    names = [name for name, _privileges in wrong]
    statement = "%s ON %s %s %s" % (", ".join(union), KINDS[arguments["objects"]][0], ", ".join(names), _direction(arguments))
    verb, sign = ("REVOKE", "-") if arguments["absent"] else ("GRANT", "+")
    text = "%s %s on %s" % (
        verb.lower(),
        ", ".join(union),
        names[0] if len(names) == 1 else "%d %s" % (len(names), arguments["objects"]),
    )
    lines = ["%s%s on %s: %s" % (sign, ", ".join(privileges), name, arguments["role"]) for name, privileges in wrong]
    more = ["… and %d more" % (len(lines) - MOST_LINES)] if len(lines) > MOST_LINES else []
    others = _grants_of_others(arguments, objects, wanted) if arguments["absent"] else []
    lines = lines[:MOST_LINES] + more + ["granted by %s: %s" % (grantor, what) for grantor, what in others]
    _tell(changes, arguments, text, _together("%s %s" % (verb, statement), arguments, others), "\n".join(lines))


def _grants_of_others(arguments: Dict[str, Any], objects: List[Dict[str, Any]], wanted: List[str]) -> List[Tuple[str, str]]:
    """What the role has from roles that may grant it on, in the words of a statement: the owner's REVOKE leaves it."""
    word, found = KINDS[arguments["objects"]][0], []
    for each in objects:
        theirs = [(grantor, privilege, is_super) for grantor, privilege, is_super in each["by_others"] if privilege in wanted]
        for grantor, is_super in sorted({(grantor, is_super) for grantor, _privilege, is_super in theirs}):
            what = "%s ON %s %s" % (", ".join(privilege for by, privilege, _ in theirs if by == grantor), word, each["name"])
            if is_super:
                raise OperationError(
                    "%s, granted by %s, cannot be revoked: %s is a superuser now, who acts as the owner" % (what, grantor, grantor),
                    hint="ALTER ROLE %s NOSUPERUSER, revoke, and make it one again" % grantor,
                )
            found.append((grantor, what))
    return found


def _together(statement: str, arguments: Dict[str, Any], others: List[Tuple[str, str]]) -> str:
    """Each in its grantor's place: PostgreSQL takes back only what the one who asks has granted, even from its superuser."""
    said = ["SET LOCAL ROLE %s; REVOKE %s %s; RESET ROLE" % (grantor, what, _direction(arguments)) for grantor, what in others]
    return "; ".join(["BEGIN", statement, *said, "COMMIT"]) if said else statement


def _want_later(changes: Changes, arguments: Dict[str, Any], found: Dict[str, Any], wanted: List[str]) -> None:
    """For what the owner makes from now on."""
    everywhere = [privilege for privilege in wanted if privilege in found["everywhere"]]
    if arguments["absent"] and everywhere:
        raise OperationError(
            "%s will have %s on all %s that %s makes, in any schema: it cannot be revoked for one schema alone"
            % (arguments["role"], ", ".join(everywhere), arguments["objects"], arguments["future_of"]),
            hint="see psql's \\ddp; ALTER DEFAULT PRIVILEGES without IN SCHEMA takes it back",
        )
    wrong = _wrong(arguments, found["future"], wanted)
    if not wrong:
        return
    verb, sign = ("REVOKE", "-") if arguments["absent"] else ("GRANT", "+")
    what = "%s on %s that %s makes" % (", ".join(wrong), arguments["objects"], arguments["future_of"])
    kind = "FUNCTIONS" if arguments["objects"] == "functions" else KINDS[arguments["objects"]][0] + "S"
    head = 'ALTER DEFAULT PRIVILEGES FOR ROLE :"future_of" IN SCHEMA :"schema" '
    statement = "%s %s ON %s %s" % (verb, ", ".join(wrong), kind, _direction(arguments))
    _tell(changes, arguments, "%s %s" % (verb.lower(), what), head + statement, "%s%s: %s" % (sign, what, arguments["role"]))


def _direction(arguments: Dict[str, Any]) -> str:
    return "%s %s" % ("FROM" if arguments["absent"] else "TO", "PUBLIC" if arguments["role"] == "public" else ':"role"')


def _tell(changes: Changes, arguments: Dict[str, Any], text: str, statement: str, diff: str) -> None:
    values = {name: arguments[name] for name in ("role", "schema", "future_of")}
    changes.add(text, lambda: psql.say(arguments, statement, values, arguments["database"]), diff)
