"""The host whose database is backed up, with the ways of doing so: ours, and those that people use otherwise."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage

from windlass import lab
from windlass.flows.twin import lab_spec, labs_folder
from windlass.flows.workspace import load_environment
from windlass.testing.lab import shell

NAME = "benchbackup"
SCALE_OF_A_GIGABYTE = 67  # pgbench's scale factor; one is 15 MB with its index
INVENTORY = """
environment: {{user: deploy, transport: {transport}, warm_seconds: 0, private_key: {key}, known_hosts: {known_hosts}}}
hosts:
  db: {{address: {address}}}
backups:
  bench: {{database: bench, host: db, directory: backups/{transport}, recipients: [{recipient}], keep: {{last: 1}}}}
"""
PACKAGES = "postgresql postgresql-contrib zstd age restic"
# A server that is filled fast; nothing of this matters to reading.
FAST = "fsync=off|synchronous_commit=off|full_page_writes=off|wal_level=minimal|max_wal_senders=0|max_wal_size=8GB"
DATA = """
INSERT INTO pgbench_branches SELECT b, (random() * 1e6)::int - 500000, NULL FROM generate_series(1, {scale}) b;
INSERT INTO pgbench_tellers SELECT t, 1 + t % {scale}, (random() * 1e6)::int - 500000, NULL FROM generate_series(1, {scale} * 10) t;
INSERT INTO pgbench_accounts
    SELECT a, 1 + a % {scale}, (random() * 1e5)::int - 50000, left(md5(a::text), 28) || ' a line of an account in words'
    FROM generate_series(1, {scale} * 100000) a;
"""
AS_POSTGRES = "cd / && su postgres -s /bin/bash -c"
OTHERS: Mapping[str, str] = {
    "pg_dump | gzip": "pg_dump bench | gzip >/var/lib/postgresql/out.gz",
    "pg_dump -Fc": "pg_dump -Fc -f /var/lib/postgresql/out.fc bench",
    "pg_dump | restic": (
        "export RESTIC_PASSWORD=bench RESTIC_REPOSITORY=/var/lib/postgresql/restic; rm -rf $RESTIC_REPOSITORY; restic -q init; "
        "pg_dump bench | restic -q backup --no-cache --stdin --stdin-filename bench.sql"
    ),
}
STAGES: Mapping[str, str] = {
    "pg_dump": "pg_dump -Fc -Z0 bench >/dev/null",
    "zstd": "zstd -q -T0 -1 -c /var/lib/postgresql/raw >/dev/null",
    "age": "age -r {recipient} </var/lib/postgresql/raw.zst >/dev/null",
    "zstd -d | pg_restore": "zstd -q -d -c /var/lib/postgresql/raw.zst | pg_restore -f /dev/null",
}
TRANSPORTS = ("openssh", "paramiko")


@dataclass(frozen=True, slots=True)
class Took:
    """What a candidate took: seconds, and processor seconds of all that ran on this machine."""

    wall: float
    cpu: float


class Bench:
    """The host with its database, and the project that backs it up."""

    def __init__(self, project: Path, gigabytes: float) -> None:
        self.project = project
        self.gigabytes = gigabytes
        identity = pyrage.x25519.Identity.generate()
        self.recipient = str(identity.to_public())
        (project / "identity.txt").write_text(f"{identity}\n")
        self.inventory(NAME, "openssh", "192.0.2.1", "key", "known_hosts")

    def inventory(self, name: str, transport: str, *place: str | Path) -> None:
        """An environment whose hosts are reached in this way; no connection is kept for the next run."""
        address, key, known_hosts = place
        told = {"address": address, "key": key, "known_hosts": known_hosts, "recipient": self.recipient}
        (self.project / "inventories" / name).mkdir(parents=True, exist_ok=True)
        (self.project / "inventories" / name / "hosts.yml").write_text(INVENTORY.format(transport=transport, **told))

    def raise_host(self) -> None:
        """The host with its database, and an environment for each way to it: not as a twin of another, for then it is not known
        when a command begins where its hosts are."""
        raised = lab.up(lab_spec(load_environment(self.project, NAME)), root=labs_folder(self.project), say=print)
        self.machine = raised.hosts["db"]
        for transport in TRANSPORTS:
            self.inventory(transport, transport, self.machine.address, raised.private_key, raised.known_hosts)
        self.shell(f"apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq {PACKAGES} >/dev/null")
        settings = FAST.replace("|", "\n")
        self.shell(f"echo '{settings}' >/etc/postgresql/15/main/conf.d/fast.conf && systemctl restart postgresql")
        scale = round(self.gigabytes * SCALE_OF_A_GIGABYTE)
        self.shell(f"{AS_POSTGRES} 'createdb bench && /usr/lib/postgresql/15/bin/pgbench -q -i -I dt -s {scale} bench'")
        self.shell(f"{AS_POSTGRES} 'psql -q -v ON_ERROR_STOP=1 bench' <<'SQL'\n{DATA.format(scale=scale)}\nSQL")
        self.shell(f"{AS_POSTGRES} '/usr/lib/postgresql/15/bin/pgbench -q -i -I vp -s {scale} bench'")
        self.shell(f"{AS_POSTGRES} 'psql -q bench -c CHECKPOINT; cd; pg_dump -Fc -Z0 -f raw bench && zstd -q -f -T0 -1 raw'")

    def shell(self, script: str) -> str:
        return shell(self.machine, script, program="/bin/bash", limit=1200).strip()

    def pipe(self, script: str) -> Took:
        """What a pipe of postgres's takes; none of its programs may fail."""
        quoted = script.format(recipient=self.recipient).replace('"', '\\"').replace("$", "\\$")
        return timed(lambda: self.shell(f'{AS_POSTGRES} "set -e -o pipefail; {quoted}"'))

    def windlass(self, *words: str, by: str = "openssh") -> dict[str, Any]:
        """A command as a process of its own, with what it took: seconds, and CPU seconds of the controller's."""
        program = str(Path(sys.executable).parent / "windlass")
        result: dict[str, Any] = self._program(program, *words, "--env", by, "--json")["result"]
        return result

    def into_bucket(self, port: int) -> dict[str, Any]:
        """A backup straight into the bucket at that port of the controller's."""
        gateway = self.machine.address.rpartition(".")[0] + ".1"
        python = (sys.executable, "-m", "benchmarks.bucket")
        return self._program(*python, str(self.project), NAME, "bench", f"http://{gateway}:{port}", self.recipient)

    def _program(self, *command: str) -> dict[str, Any]:
        """What a program of ours says as JSON, with `took` and the controller's part of it, `cpu`, beside its result."""
        surroundings = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
        surroundings.pop("PYTHONDONTWRITEBYTECODE", None)
        done: list[subprocess.CompletedProcess[str]] = []
        before = cpu()
        took = timed(
            lambda: done.append(
                subprocess.run(command, cwd=self.project, env=surroundings, capture_output=True, text=True, check=False)
            )
        )
        assert done[0].returncode == 0, done[0].stdout + done[0].stderr
        said: dict[str, Any] = json.loads(done[0].stdout)
        said.get("result", said).update(took=took, cpu=cpu() - before)
        return said

    def size(self, name: str) -> int:
        return int(self.shell(f"du -sb /var/lib/postgresql/{name} | cut -f1"))


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def busy() -> float:
    """Processor seconds that this machine has spent on anything, since it was started."""
    user, nice, system, _idle, _waiting, *interrupts = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]
    return sum(map(int, (user, nice, system, *interrupts[:2]))) / os.sysconf("SC_CLK_TCK")


def timed(work: Callable[[], object]) -> Took:
    began, before = time.monotonic(), busy()
    work()
    return Took(time.monotonic() - began, busy() - before)
