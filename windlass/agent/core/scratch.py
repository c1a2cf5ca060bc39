"""A PostgreSQL of its own, for the time of a drill: new data directory, own socket, no network, gone afterwards."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from types import TracebackType
from typing import IO, List, Optional, Type

from windlass.agent.core import process
from windlass.agent.core.context import STATE
from windlass.agent.core.guard import Guard
from windlass.agent.core.outcome import OperationError
from windlass.agent.core.postgres import OPTIONS, SUPERUSER, Server

FOLDER = os.path.join(STATE, "drill")
START_LIMIT = 60.0  # seconds
STOP_LIMIT = 20.0
# Nothing here has to survive anything, and nothing may reach out: no archive, no jobs, no network.
SETTINGS = (
    "fsync=off", "full_page_writes=off", "synchronous_commit=off", "archive_mode=off", "autovacuum=off", "wal_level=minimal",
    "max_wal_senders=0", "max_wal_size=512MB", "max_connections=20", "shared_buffers=64MB", "maintenance_work_mem=128MB",
    "listen_addresses=", "unix_socket_permissions=0700", "logging_collector=off", "shared_preload_libraries=",
)  # fmt: skip


class Scratch:
    """The server, from entering to leaving the block; leaving it stops the server and removes all of its files.

    folder   its own directory, the superuser's alone; `server` is how to speak to it
    """

    def __init__(self, guard: Guard, model: Server) -> None:
        self._guard = guard
        self._model = model
        self._lock: "Optional[IO[str]]" = None
        self._program: "Optional[subprocess.Popen[bytes]]" = None
        self.folder = ""

    def __enter__(self) -> "Scratch":
        self.folder, self._lock = _make_folder()
        self.server = Server(
            self._model.major * 10000,
            self._model.version,
            os.path.join(self.folder, "data"),
            {"PGHOST": self.folder, "PGPORT": "5432", "PGOPTIONS": OPTIONS},
        )
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        if self._program is not None and self._program.poll() is None:
            self._program.send_signal(signal.SIGQUIT)  # at once: nobody needs what is in there
            try:
                self._program.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                os.killpg(self._program.pid, signal.SIGKILL)
                self._program.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()

    def start(self) -> None:
        """Make the data directory and start the server. Raises OperationError with what the server said."""
        data = self.server.data
        make = [self.server.program("initdb"), "--pgdata", data, "--username", SUPERUSER, "--auth", "trust"]
        self._guard.run(make + ["--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"], SUPERUSER)
        command = [self.server.program("postgres"), "-D", data, "-k", self.folder]
        for setting in SETTINGS:
            command += ["-c", setting]
        with open(os.path.join(self.folder, "log"), "wb") as log:
            pipes = (subprocess.DEVNULL, log.fileno(), log.fileno())
            self._program = process.start(command, SUPERUSER, pipes=pipes)  # a guard would kill it; __exit__ stops it
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        ready = [self.server.program("pg_isready"), "--quiet"]
        for _attempt in range(int(START_LIMIT / 0.1)):
            if self._program is None or self._program.poll() is not None:
                break
            asked = self._guard.start(ready, SUPERUSER, self.server.environment)
            asked.communicate()
            if asked.returncode == 0:
                return
            self._guard.context.wait(0.1)
        raise OperationError("the scratch server did not start", last_lines=self._log())

    def _log(self) -> List[str]:
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as log:
            return log.read().splitlines()[-12:]


def _make_folder() -> "tuple[str, IO[str]]":
    """A new folder of the superuser's and the lock that says it is in use, after clearing away what broken drills left."""
    owner = pwd.getpwnam(SUPERUSER)
    os.makedirs(STATE, mode=0o755, exist_ok=True)
    os.makedirs(FOLDER, mode=0o711, exist_ok=True)
    with open(os.path.join(FOLDER, "lock"), "w", encoding="utf-8") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)  # nobody sweeps a folder away before its own lock is taken
        _sweep()
        folder = tempfile.mkdtemp(dir=FOLDER)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        lock = open(os.path.join(folder, "lock"), "w", encoding="utf-8")  # noqa: SIM115 - held as long as the folder is in use
        fcntl.flock(lock, fcntl.LOCK_EX)
    return folder, lock


def _sweep() -> None:
    """Stop and remove scratch servers whose drill is no more."""
    folders = [os.path.join(FOLDER, name) for name in os.listdir(FOLDER)]
    for folder in filter(os.path.isdir, folders):
        try:
            with open(os.path.join(folder, "lock"), "a", encoding="utf-8") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        _stop(os.path.join(folder, "data"))
        shutil.rmtree(folder, ignore_errors=True)


def _stop(data: str) -> None:
    """End the server of this data directory, if it runs: the one whose working directory it is."""
    try:
        with open(os.path.join(data, "postmaster.pid"), encoding="utf-8") as handle:
            process_id = int(handle.readline())
        if os.path.realpath("/proc/%d/cwd" % process_id) == os.path.realpath(data):
            os.kill(process_id, signal.SIGQUIT)
            for _attempt in range(100):
                os.kill(process_id, 0)
                time.sleep(0.1)
    except (OSError, ValueError):  # no such file or, in the end, no such process
        pass
