"""Restoring a backup where it can harm nobody, to see whether it can be done and how long it takes."""

from __future__ import annotations

import json
import os
import time
from typing import Any, Dict, List, Optional

from windlass.agent.core import fingerprints, postgres
from windlass.agent.core.context import Context
from windlass.agent.core.guard import Guard
from windlass.agent.core.outcome import OperationError, Outcome
from windlass.agent.core.pipeline import Pipeline, Stage
from windlass.agent.core.postgres import SUPERUSER, Server
from windlass.agent.core.replica import create
from windlass.agent.core.scratch import Scratch
from windlass.agent.core.sealing import UNSQUEEZE
from windlass.agent.file import received

DATABASE = "drill"
FIRST_WITH_AMCHECK = 14
DAMAGE = 2  # pg_amcheck's status when it found some
SMOKE_OPTIONS = "-c statement_timeout=60000 -c lock_timeout=5000 -c default_transaction_read_only=on"
_ROLES = r"""
SELECT format('CREATE ROLE %I NOLOGIN;', role) FROM json_array_elements_text(:'roles') role
WHERE role NOT IN (SELECT rolname FROM pg_roles) \gexec
"""


class _Clock:
    """Seconds that each part of the drill took."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._since = time.monotonic()
        self.seconds: Dict[str, float] = {}

    def over(self, part: str) -> None:
        now = time.monotonic()
        self.seconds[part], self._since = round(now - self._since, 3), now
        self._context.note("drill: %s took %.1f s" % (part, self.seconds[part]))


def drill(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Fetch, start a server, restore, look."""
    if context.check:
        return Outcome(False, unknown=True)
    source = arguments["source"]
    clock = _Clock(context)
    with Guard(context, arguments["limit_seconds"]) as guard, Scratch(guard, postgres.server(guard)) as scratch:
        dump = _fetch(guard, arguments["content"], scratch.folder, context)
        clock.over("fetch")
        scratch.start()
        clock.over("start")
        _restore(guard, scratch.server, dump, source, arguments["jobs"])
        clock.over("restore")
        looked = _looked_at(guard, scratch.server, arguments["hashed"])
        smoke = [[question, _smoke(guard, scratch.server, question)] for question in arguments["smoke"]]
        clock.over("check")
        amcheck = _amcheck(guard, scratch.server, arguments["jobs"])
        clock.over("amcheck")
    return Outcome(
        False,
        data=dict(looked, smoke=smoke, amcheck=amcheck, seconds=clock.seconds, server_version=scratch.server.version),
    )


def _looked_at(guard: Guard, server: Server, hashed: List[str]) -> Dict[str, Any]:
    """The same as was looked at when the database was dumped."""
    tables, hashes = fingerprints.told(server.ask(guard, DATABASE, fingerprints.tables_hashed(hashed)))
    return {
        "tables": tables,
        "hashes": hashes,
        "sequences_behind": server.ask(guard, DATABASE, fingerprints.STEADY + fingerprints.SEQUENCES),
        "invalid_indexes": server.ask(guard, DATABASE, fingerprints.STEADY + fingerprints.INVALID),
    }


def _amcheck(guard: Guard, server: Server, jobs: int) -> Optional[List[str]]:
    """What pg_amcheck finds wrong with tables and indexes: each row in its index, each page in its place. None if it is not there.

    An index that a restore has just built can be wrong all the same: functions only claim to be immutable, collations change.
    """
    there = "SELECT to_json(count(*)) FROM pg_available_extensions WHERE name = 'amcheck';"
    if server.major < FIRST_WITH_AMCHECK or not server.ask(guard, DATABASE, there)[0]:
        return None
    command = [server.program("pg_amcheck"), "--install-missing", "--heapallindexed", "--parent-check", "--no-password"]
    program = guard.start(command + ["--jobs=%d" % jobs, DATABASE], SUPERUSER, server.environment)
    output, errors = program.communicate()
    guard.check()
    if program.returncode not in (0, DAMAGE):
        lines = errors.decode("utf-8", "replace").splitlines()[-12:]
        raise OperationError("pg_amcheck ended with status %d" % program.returncode, last_lines=lines)
    lines = output.decode("utf-8", "replace").splitlines()[:100]
    return lines if program.returncode == DAMAGE else []


def _fetch(guard: Guard, content: Dict[str, Any], folder: str, context: Context) -> str:
    """The dump as a plain file, which restoring several tables at once needs."""
    path = os.path.join(folder, "dump")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)  # the folder itself lets nobody in
    try:
        pipeline = Pipeline(guard, [Stage("zstd", UNSQUEEZE)], give=True, into=descriptor)
        pipeline.feed(received(content, context))
        pipeline.finish()
    finally:
        os.close(descriptor)
    return path


def _restore(guard: Guard, server: Server, dump: str, source: Dict[str, Any], jobs: int) -> None:
    server.ask(guard, "postgres", _ROLES, {"roles": json.dumps(source.get("roles", []))})
    create(guard, server, DATABASE, source)
    command = [server.program("pg_restore"), "--exit-on-error", "--no-tablespaces", "--jobs=%d" % jobs, "--dbname", DATABASE, dump]
    guard.run(command, SUPERUSER, server.environment)


def _smoke(guard: Guard, server: Server, question: str) -> str:
    """What a question gave: `true`, or what it gave instead, or what PostgreSQL complained about."""
    ask = server.psql(DATABASE) + ["--command", question]
    try:
        answer = guard.run(ask, SUPERUSER, dict(server.environment, PGOPTIONS=SMOKE_OPTIONS)).text.strip()
    except OperationError as error:
        guard.check()
        return " ".join(error.last_lines) or str(error)
    return "true" if answer in ("t", "true") else answer[:200] or "nothing"
