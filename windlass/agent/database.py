"""Reading this host's databases: what there is, dumps out, dumps checked."""

from __future__ import annotations

import os
import time
from typing import Any, Dict, Optional, Sequence

from windlass.agent.core import fingerprints, postgres
from windlass.agent.core.context import STATE, Context
from windlass.agent.core.delivery import deliver
from windlass.agent.core.dumping import SQUEEZE, compression_of
from windlass.agent.core.guard import Guard
from windlass.agent.core.outcome import Outcome
from windlass.agent.core.pipeline import Pipeline, Stage
from windlass.agent.core.postgres import SUPERUSER, Server
from windlass.agent.core.sealing import UNSQUEEZE, Proofreader, seal
from windlass.agent.file import received

WRITES = ("--output=1M",)  # pg_dump: as much as its pipe holds
READS = ("--input=64K", "--output=64K")  # pg_restore: what a processor has nearest; wider ones take a fifth longer

_DATABASES = """
SELECT json_build_object('name', datname, 'owner', pg_get_userbyid(datdba), 'bytes', pg_database_size(oid),
    'connections', (SELECT count(*) FROM pg_stat_activity a WHERE a.datname = d.datname AND a.pid <> pg_backend_pid()))
FROM pg_database d WHERE NOT datistemplate ORDER BY datname;
"""

# What a dump of one database leaves out, and what one wants to know of it afterwards. The names of columns that only newer
# versions have are looked up by way of JSON.
_DESCRIPTION = r"""
SELECT json_build_object(
    'taken', extract(epoch FROM now()),
    'owner', pg_get_userbyid(datdba),
    'encoding', pg_encoding_to_char(encoding),
    'collate', datcollate,
    'ctype', datctype,
    'provider', coalesce(to_jsonb(d) ->> 'datlocprovider', 'c'),
    'locale', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', ''),
    'connection_limit', datconnlimit,
    'bytes', pg_database_size(d.oid),
    'large_objects', (SELECT count(*) FROM pg_largeobject_metadata),
    'access', (SELECT json_agg(json_build_array(CASE grantee WHEN 0 THEN '' ELSE pg_get_userbyid(grantee) END,
                                                privilege_type, is_grantable)) FROM aclexplode(datacl)),
    'settings', (SELECT coalesce(json_agg(json_build_array(CASE setrole WHEN 0 THEN '' ELSE pg_get_userbyid(setrole) END,
                                                            item)), '[]')
                 FROM pg_db_role_setting s, unnest(setconfig) item WHERE s.setdatabase = d.oid),
    'extensions', (SELECT coalesce(json_object_agg(extname, extversion), '{}') FROM pg_extension),
    'roles', (SELECT coalesce(json_agg(rolname ORDER BY rolname), '[]') FROM pg_roles WHERE rolname NOT LIKE 'pg\_%'))
FROM pg_database d WHERE datname = current_database();
"""

# Rows are counted as fast as they are read: to compile that first, in each of its processes, takes longer than it saves.
# Versions that cannot compile have no such setting.
_AS_IT_IS = "SELECT to_json(set_config(name, 'off', true)) FROM pg_settings WHERE name = 'jit';"


def databases(_arguments: Dict[str, Any], context: Context) -> Outcome:
    """The databases there are, and the room for more."""
    with Guard(context, 60.0) as guard:
        server = postgres.server(guard)
        found = server.ask(guard, "postgres", _DATABASES)
        extensions = server.ask(guard, "postgres", "SELECT to_json(name) FROM pg_available_extensions ORDER BY name;")
    room = {"free_bytes": _free(server.data), "drill_free_bytes": _free(STATE)}
    return Outcome(False, data=dict(room, databases=found, extensions=extensions, server_version=server.version))


def _free(folder: str) -> int:
    """Bytes that can be written there, or where it will be made."""
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def dump(arguments: Dict[str, Any], context: Context) -> Outcome:
    """pg_dump through zstd, and through age where there are recipients, with the rows of every table counted in the very
    snapshot that is dumped."""
    database = arguments["database"]
    with Guard(context, arguments["limit_seconds"]) as guard:
        server = postgres.server(guard)
        session = postgres.Session(guard, server, database)
        session.ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;" + _AS_IT_IS)
        data = session.ask(_DESCRIPTION)[0]
        snapshot = session.ask("SELECT to_json(pg_export_snapshot());")[0]
        way = compression_of(guard, server)
        session.begin(fingerprints.tables_up_to(arguments["hash_bytes"]))
        command = server.streaming("pg_dump", WRITES) + ["--format=custom", way.option, "--snapshot=" + snapshot]
        command += ["--lock-wait-timeout=%d" % postgres.LOCK_LIMIT, "--no-password", "--dbname", database]
        source, reader = Stage("pg_dump", command, SUPERUSER, server.environment), _reader(server)
        sent = send(guard, source, reader, dict(arguments, expected_bytes=data["bytes"]), context, way.squeeze)
        data["tables"], data["hashes"] = fingerprints.told(session.rows())
        data["sequences_behind"], data["invalid_indexes"] = session.ask(fingerprints.SEQUENCES), session.ask(fingerprints.INVALID)
        session.close()
        data["pg_dump"] = guard.run([server.program("pg_dump"), "--version"], SUPERUSER).text.strip()
    return Outcome(False, data=dict(data, server_version=server.version, inner=way.inner, **sent))


def dump_globals(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Roles with their passwords' verifiers, and tablespaces: what belongs to all databases of a server and is in no dump."""
    with Guard(context, arguments["limit_seconds"]) as guard:
        server = postgres.server(guard)
        command = [server.program("pg_dumpall"), "--globals-only", "--no-password"]
        sent = send(guard, Stage("pg_dumpall", command, SUPERUSER, server.environment), None, arguments, context)
    return Outcome(False, data=sent)


def verify_dump(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Decode the whole dump; listing its contents alone would pass one that was cut off."""
    with Guard(context, arguments["limit_seconds"]) as guard:
        server = postgres.server(guard)
        raw = decode(guard, arguments["content"], _reader(server), context)
    return Outcome(False, data={"raw_bytes": raw})


def _reader(server: Server) -> Stage:
    """What reads a dump to its end and does nothing with it."""
    return Stage("pg_restore", server.streaming("pg_restore", READS) + ["--file=/dev/null"], SUPERUSER)


def decode(guard: Guard, content: Dict[str, Any], reader: Stage, context: Context) -> int:
    """Give a compressed dump to a program as it arrives, without it landing on a disk; the number of bytes after decompression."""
    pipeline = Pipeline(guard, [Stage("zstd", UNSQUEEZE, SUPERUSER), reader], give=True)
    pipeline.feed(received(content, context))
    for _line in pipeline.chunks():
        pass
    pipeline.finish()
    return pipeline.passed[0]


def send(
    guard: Guard,
    source: Stage,
    reader: Optional[Stage],
    arguments: Dict[str, Any],
    context: Context,
    squeeze: Sequence[str] = SQUEEZE,
) -> Dict[str, Any]:
    """Send what a program writes where the controller says, compressed, encrypted where there are recipients. Every part goes so.

    What is encrypted is decoded by `reader` at the same time. Raises OperationError if any of the programs fails.
    """
    started = time.monotonic()
    stages = [source, Stage("zstd", squeeze, SUPERUSER)]
    if not arguments["recipients"]:
        sent = _stream(Pipeline(guard, stages), arguments, context)
    else:
        stages.append(seal(arguments["recipients"]))
        proofreader = Proofreader(guard, reader)
        sent = _stream(Pipeline(guard, stages, taps={1: proofreader.take}), arguments, context)
        sent.update(proofreader.finish())
    return dict(sent, seconds=round(time.monotonic() - started, 3))


def _stream(pipeline: Pipeline, arguments: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Everything that comes out of a pipeline, delivered; how much, and its checksum."""
    sent = deliver(pipeline.chunks(), arguments["stream"], arguments.get("expected_bytes", 0), context)
    pipeline.finish()
    return dict(sent, raw_bytes=pipeline.passed[0], said=pipeline.said[0])
