"""Speaking to this host's PostgreSQL as its superuser, through psql."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from typing import Any, Dict, List, Optional, Sequence

from windlass.agent.core import process
from windlass.agent.core.guard import Guard
from windlass.agent.core.outcome import OperationError

SUPERUSER = "postgres"
PSQL = ["psql", "--no-psqlrc", "--no-align", "--tuples-only", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1"]
PLACES = ("/usr/lib/postgresql/%d/bin", "/usr/pgsql-%d/bin", "/usr/local/pgsql/bin")
LOCK_LIMIT = 60_000  # milliseconds; a dump that waits for a lock makes others wait behind it
OPTIONS = "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0 -c lock_timeout=%d" % LOCK_LIMIT
DONE = '"that is all"'

_SERVER = """
SELECT json_build_object(
    'version', current_setting('server_version'), 'number', current_setting('server_version_num')::int,
    'port', current_setting('port'), 'folders', current_setting('unix_socket_directories'),
    'data', current_setting('data_directory'));
"""


class Server:
    """A running PostgreSQL: its version, where its programs are, and the environment in which they find it."""

    def __init__(self, number: int, version: str, data: str, environment: Dict[str, str]) -> None:
        self.major = number // 10000
        self.version = version
        self.data = data
        self.environment = environment

    def program(self, name: str) -> str:
        """The program of the server's own version, else the one on the path."""
        for place in PLACES:
            path = os.path.join(place % self.major if "%" in place else place, name)
            if os.access(path, os.X_OK):
                return path
        return name

    def streaming(self, name: str, buffers: Sequence[str]) -> List[str]:
        """The same as the beginning of a command, for one that reads or writes a dump through a pipe.

        Its own buffers are a page: a gigabyte is a quarter of a million calls, and they are half of what passing it on costs.
        """
        wide = ["stdbuf", *buffers] if shutil.which("stdbuf", path=process.PATH) else []
        return wide + [self.program(name)]

    def psql(self, database: str, variables: Optional[Dict[str, str]] = None) -> List[str]:
        """The command line of psql; a statement uses the variables as :'name' or :"name", quoted by psql."""
        values = ["--set=%s=%s" % item for item in sorted((variables or {}).items())]
        return PSQL + values + ["--dbname", database]

    def ask(self, guard: Guard, database: str, statements: str, variables: Optional[Dict[str, str]] = None) -> List[Any]:
        """Run statements and give their rows, each of which is one JSON value. Raises OperationError."""
        answer = guard.run(self.psql(database, variables), SUPERUSER, self.environment, statements)
        return [json.loads(line) for line in process.lines(answer.text) if line]

    def has(self, guard: Guard, database: str) -> bool:
        """Whether there is a database of this name."""
        return bool(
            self.ask(guard, "postgres", "SELECT to_json(count(*)) FROM pg_database WHERE datname = :'name';", {"name": database})[0]
        )

    def drop(self, database: str) -> None:
        """Take away a database that was made for a restore, even when there is no wish left for anything else."""
        statement = 'DROP DATABASE IF EXISTS :"name" WITH (FORCE);' if self.major >= 13 else 'DROP DATABASE IF EXISTS :"name";'
        process.run(self.psql("postgres", {"name": database}), SUPERUSER, self.environment, give=statement, limit=120)


def server(guard: Guard) -> Server:
    """The PostgreSQL that psql reaches without being told where. Raises OperationError if there is none."""
    try:
        answer = guard.run(PSQL + ["--dbname", "postgres"], SUPERUSER, {"PGOPTIONS": OPTIONS}, _SERVER)
    except OperationError as error:
        guard.check()
        hint = "is PostgreSQL installed and running here, and does its superuser log in locally (peer)?"
        raise OperationError("PostgreSQL does not answer", hint=hint, last_lines=error.last_lines) from None
    found = json.loads(answer.text)
    environment = {"PGPORT": found["port"], "PGOPTIONS": OPTIONS}
    if found["number"] >= 140000:  # a statement whose client was killed ends, too, and lets go of its locks
        environment["PGOPTIONS"] += " -c client_connection_check_interval=2000"
    folder = found["folders"].split(",")[0].strip()
    if folder:
        environment["PGHOST"] = folder
    return Server(found["number"], found["version"], found["data"], environment)


class Session:
    """One connection kept open, as a snapshot needs it. Each statement's rows are JSON values."""

    def __init__(self, guard: Guard, server: Server, database: str) -> None:
        self._guard = guard
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close
        pipes = (subprocess.PIPE, subprocess.PIPE, self._errors.fileno())
        self._program = guard.start(server.psql(database), SUPERUSER, server.environment, pipes=pipes)

    def ask(self, statements: str) -> List[Any]:
        """Run statements and wait for their rows. Raises OperationError with what psql complains about."""
        self.begin(statements)
        return self.rows()

    def begin(self, statements: str) -> None:
        """Run statements without waiting; `rows` is to be called before the next ones."""
        assert self._program.stdin  # noqa: S101 - it was started with a pipe
        try:
            self._program.stdin.write(("%s\nSELECT to_json(%s::text);\n" % (statements, DONE.replace('"', "'"))).encode())
            self._program.stdin.flush()
        except BrokenPipeError:
            raise self._failed() from None

    def rows(self) -> List[Any]:
        """The rows of what was begun."""
        found: List[Any] = []
        for line in process.output_of(self._program):
            if line.decode().strip() == DONE:
                return found
            found.append(json.loads(line))
        raise self._failed()

    def close(self) -> None:
        """End the connection, and the transaction with it."""
        assert self._program.stdin  # noqa: S101
        try:
            self._program.stdin.close()
        except BrokenPipeError:
            pass
        self._program.wait()
        self._errors.close()

    def _failed(self) -> OperationError:
        self._program.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").splitlines()[-12:]
        try:
            self._guard.check()
        except OperationError as error:
            return error
        return OperationError("PostgreSQL refused the question", last_lines=lines)
