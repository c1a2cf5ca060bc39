"""A host with databases as applications have them, and the means to look behind it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

from tests.waiting import until
from windlass import lab
from windlass.errors import WindlassError
from windlass.flows.backups.backup import BackedUp, backup
from windlass.flows.backups.drill import Drilled, drill
from windlass.flows.backups.holdings import holding
from windlass.flows.backups.restore import Restored, restore
from windlass.flows.workspace import Workspace
from windlass.hosts.channel import Channel
from windlass.inventory import Backup
from windlass.plans.restoration import Wish
from windlass.stores.published import Stored
from windlass.testing.lab import shell

INVENTORY = """
environment: {user: deploy, grace_seconds: 30}
hosts:
  backup: {address: 192.0.2.1}
  spare: {address: 192.0.2.2}
backups:
  tickets:
    database: tickets
    host: backup
    directory: backups
    keep: {last: 100}
    smoke: [select count(*) > 0 from people]
  noise:
    database: noise
    host: backup
    directory: backups
"""
ROWS = 10000  # of the largest table
# What applications have: names with capitals, a type of their own, owners, privileges, settings, an empty table, a second schema.
TICKETS = r"""
CREATE ROLE tickets LOGIN; CREATE ROLE reader;
CREATE DATABASE tickets OWNER tickets;
REVOKE CONNECT ON DATABASE tickets FROM PUBLIC; GRANT CONNECT ON DATABASE tickets TO reader;
ALTER DATABASE tickets SET search_path = "$user", public, archive;
ALTER DATABASE tickets SET tickets.motto = 'it''s fine';
ALTER ROLE tickets IN DATABASE tickets SET work_mem = '7MB';
\c tickets
SET ROLE tickets;
CREATE SCHEMA archive;
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE people (id serial PRIMARY KEY, name text);
CREATE TABLE "Tickets" (id serial PRIMARY KEY, person int REFERENCES people, mood mood, body text);
CREATE INDEX by_person ON "Tickets" (person);
CREATE TABLE archive.old (id int);
CREATE TABLE written (id serial PRIMARY KEY, at timestamptz DEFAULT now());
GRANT SELECT ON "Tickets" TO reader;
INSERT INTO people (name) SELECT 'n' || i FROM generate_series(1, 1000) i;
INSERT INTO "Tickets" (person, mood, body) SELECT 1 + i % 1000, 'good', repeat(md5(i::text), 8) FROM generate_series(1, 10000) i;
"""
# More than fits into all windows and pipes between the two ends, also compressed, so that the dump waits for its reader.
NOISE = r"""
RESET ROLE;
CREATE DATABASE noise;
\c noise
CREATE EXTENSION pgcrypto;
CREATE TABLE noise AS SELECT gen_random_bytes(1000) AS bytes FROM generate_series(1, 48000);
"""
# Of the other host the tests expect that it has none.
WITHOUT_ITS_DATABASE = "systemctl disable --quiet --now postgresql"
# What a run may have left on the host: its programs, a scratch server, its folder. A pattern in brackets does not find itself.
LEFT = (
    "pgrep -af '[p]sql --no-psqlrc|[p]g_dump|[p]g_restore|[z]std -|[p]ostgres -D /var/lib/windlass' || true; "
    "find /var/lib/windlass/drill -mindepth 1 ! -name lock 2>/dev/null || true"
)


@dataclass(frozen=True)
class Place:
    """The host with its databases, and the means to work with it and to look behind it."""

    project: Path
    workspace: Workspace
    machine: lab.LabHost
    other: lab.LabHost

    def shell(self, script: str) -> str:
        return shell(self.machine, script, program="/bin/bash").strip()

    def sql(self, statements: str, database: str = "tickets") -> str:
        command = f"cd / && su postgres -c 'psql -XAtq -v ON_ERROR_STOP=1 {database}' <<'SQL'\n{statements}\nSQL"
        return self.shell(command)

    def entry(self, name: str = "tickets") -> Backup:
        return self.workspace.environment.backup(name)

    @property
    def store(self) -> Path:
        return Path(holding(self.workspace, self.entry()).place)

    def backup(self, name: str = "tickets") -> BackedUp:
        return backup(self.workspace, self.entry(name))

    def restore(self, wish: Wish, backup_id: str = "") -> Restored:
        return restore(self.workspace, self.entry(), wish, backup=backup_id)

    def drill(self, backup_id: str = "", entry: Backup | None = None) -> Drilled:
        return drill(self.workspace, entry or self.entry(), backup=backup_id)

    def stored(self, backup_id: str) -> Stored:
        return next(each for each in holding(self.workspace, self.entry()).backups if each.id == backup_id)

    def command(self, *words: str) -> subprocess.Popen[str]:
        """A Windlass command as a person starts it, as a process of its own."""
        program = [sys.executable, "-m", "windlass.tasks.program", *words, "--env", "vault", "--lab"]
        return subprocess.Popen(
            program, cwd=self.project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    def spare(self, script: str) -> str:
        """Run something on the other host."""
        return shell(self.other, script, program="/bin/bash").strip()

    def channel(self) -> Channel:
        (target,) = self.workspace.targets(["backup"])
        return Channel(target)


def state(place: Place) -> str:
    """Everything of the host's databases that a restore could change by mistake."""
    return place.sql("SELECT oid, datname, datacl FROM pg_database ORDER BY oid; SELECT * FROM pg_db_role_setting ORDER BY 1, 2;")


@contextlib.contextmanager
def background(place: Place, command: str) -> Iterator[None]:
    """A command of postgres's runs on the host meanwhile."""
    unit = f"test-{time.monotonic_ns()}"
    place.shell(f"systemd-run -q --unit={unit} --uid=postgres --working-directory=/ /bin/sh -c {json.dumps(command)}")
    try:
        yield
    finally:
        place.shell(f"systemctl stop {unit} || true")
        place.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND pid <> pg_backend_pid()")


@contextlib.contextmanager
def locked_table(place: Place) -> Iterator[None]:
    """Somebody holds a table, and whoever dumps the database waits for it, however fast this machine is."""
    held = "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE relname = 'people' AND granted"
    with background(place, "psql -q tickets -c 'BEGIN; LOCK TABLE people; SELECT pg_sleep(3600)'"):
        until(lambda: place.sql(held) == "1")
        yield


def patient(workspace: Workspace) -> Workspace:
    """The same with hosts that wait long for a line that broke, however busy this machine is."""
    return replace(workspace, environment=replace(workspace.environment, grace_seconds=300.0))


def hung_up(place: Place) -> None:
    """Every login on the host ends at once, as where a line breaks; whoever was connected has to come anew."""
    place.shell("kill -KILL $(pgrep -f '^sshd: .*@notty')")


def failing_backup(place: Place, deed: Callable[[], object]) -> list[WindlassError]:
    """A backup to which something is done while its pg_dump runs; the errors that came of it."""
    errors: list[WindlassError] = []

    def run() -> None:
        try:
            place.backup()
        except WindlassError as error:
            errors.append(error)

    with locked_table(place):
        thread = threading.Thread(target=run)
        thread.start()
        until(lambda: place.shell("pgrep -x pg_dump || true"))
        deed()
        thread.join()
    return errors


HELD = r"""
mv {0} {0}.whole
printf '#!/bin/sh\ntouch /tmp/restoring\nuntil test -e /tmp/go; do sleep 0.1; done\nexec {0}.whole "$@"\n' >{0}
chmod 755 {0}
"""


@contextlib.contextmanager
def held(shell: Callable[[str], str], work: Callable[[], object]) -> Iterator[None]:
    """A restore or a drill of another controller's that stands still in the middle, and afterwards ends well."""
    program = shell("ls /usr/lib/postgresql/*/bin/pg_restore").strip()
    shell(HELD.format(program))
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        try:
            until(lambda: shell("ls /tmp/restoring 2>/dev/null || true") or done.done())
            yield
        finally:
            shell("touch /tmp/go")
            wait([done])
            shell(f"mv {program}.whole {program}; rm /tmp/go /tmp/restoring")
        done.result()
