"""Making a database like another one that is known from its description: what a dump of it leaves out."""

from __future__ import annotations

import json
from typing import Any, Dict

from windlass.agent.core.guard import Guard
from windlass.agent.core.outcome import OperationError
from windlass.agent.core.postgres import Server

# These settings are lists and are stored ready to be written down; all others are single values.
LISTS = (
    "local_preload_libraries, search_path, session_preload_libraries, shared_preload_libraries, temp_tablespaces, "
    "unix_socket_directories"
)

_DRESS = r"""
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC;', :'name') WHERE json_typeof(:'access') = 'array' \gexec
SELECT format('GRANT %s ON DATABASE %I TO %s%s;', a ->> 1, :'name',
              CASE a ->> 0 WHEN '' THEN 'PUBLIC' ELSE format('%I', a ->> 0) END,
              CASE a ->> 2 WHEN 'true' THEN ' WITH GRANT OPTION' ELSE '' END)
FROM json_array_elements(CASE json_typeof(:'access') WHEN 'array' THEN :'access'::json ELSE '[]'::json END) a \gexec
SELECT format('ALTER %s SET %I TO %s;',
              CASE role WHEN '' THEN format('DATABASE %I', :'name') ELSE format('ROLE %I IN DATABASE %I', role, :'name') END,
              setting, CASE WHEN setting = ANY (string_to_array(:'lists', ', ')) AND value <> '' THEN value
                            ELSE quote_literal(value) END)
FROM (SELECT s ->> 0 AS role, split_part(s ->> 1, '=', 1) AS setting, substr(s ->> 1, strpos(s ->> 1, '=') + 1) AS value
      FROM json_array_elements(:'settings') s) each \gexec
"""


def create(guard: Guard, server: Server, database: str, source: Dict[str, Any]) -> None:
    """A new empty database with the owner, encoding and locale of the described one. Raises OperationError."""
    owner = source.get("owner", "postgres")
    if not server.ask(guard, "postgres", "SELECT to_json(count(*)) FROM pg_roles WHERE rolname = :'role';", {"role": owner})[0]:
        raise OperationError(
            "there is no role %s on this server" % owner, hint="restore the roles first: globals.sql.zst, see RESTORE.md"
        )
    words = 'CREATE DATABASE :"name" TEMPLATE template0 OWNER :"owner"'
    for key, word in (("encoding", "ENCODING"), ("collate", "LC_COLLATE"), ("ctype", "LC_CTYPE")):
        words += " %s :'%s'" % (word, key) if source.get(key) else ""
    words += " LOCALE_PROVIDER icu ICU_LOCALE :'locale'" if source.get("provider") == "i" else ""
    values = {key: str(source.get(key, "")) for key in ("encoding", "collate", "ctype", "locale")}
    server.ask(guard, "postgres", words + ";", dict(values, name=database, owner=owner))


def dress(guard: Guard, server: Server, database: str, source: Dict[str, Any]) -> None:
    """Give a database the described one's privileges, settings and connection limit. Raises OperationError."""
    limit = int(source.get("connection_limit", -1))
    values = {
        "name": database,
        "access": json.dumps(source.get("access")),
        "settings": json.dumps(source.get("settings", [])),
        "lists": LISTS,
    }
    server.ask(guard, "postgres", _DRESS + ('ALTER DATABASE :"name" CONNECTION LIMIT %d;' % limit), values)
