"""One secret, looked for everywhere: it is where the application reads it, and nowhere else."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.suite.project import NAME, TOP, Suite
from windlass import lab
from windlass.values import Command

pytestmark = pytest.mark.lab

APPLICATION_HOSTS = ("app1", "app2")
EVERYWHERE = "/etc /home /opt /root /run /srv /tmp /usr/local /var /dev/shm"


@pytest.fixture
def planted(suite: Suite) -> bytes:
    """The value of the secret that the application's environment has."""
    return suite.workspace.secrets.get("greeting").reveal().encode()


class Watcher(threading.Thread):
    """Reads the command lines of all processes that begin on this machine, those on the lab's hosts too, until it is told to stop.

    Each is read a few times, for a process may become another program; to read those of hundreds of old ones again and again would
    keep a processor busy.
    """

    LOOKS = 5

    def __init__(self, planted: bytes) -> None:
        super().__init__(daemon=True)
        self.planted = planted
        self.looks: dict[str, int] = {}
        self.seen: set[bytes] = set()
        self.shown: set[bytes] = set()
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.05):  # a moment for those who are being watched
            numbers = [name for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - twenty times a second
            self.looks = {number: self.looks.get(number, 0) + 1 for number in numbers}
            for number in numbers:
                if self.looks[number] <= self.LOOKS:
                    self._look(Path("/proc", number, "cmdline"))

    def _look(self, file: Path) -> None:
        with contextlib.suppress(OSError):
            line = file.read_bytes()
            self.seen.add(line)
            if self.planted in line:
                self.shown.add(line)


@contextlib.contextmanager
def watching(planted: bytes) -> Iterator[Watcher]:
    watcher = Watcher(planted)
    watcher.start()
    try:
        yield watcher
    finally:
        watcher.over.set()
        watcher.join()


def windlass(suite: Suite, temporary: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """A command as a person types it; what it writes to a temporary folder stays to be looked at."""
    command = [sys.executable, "-m", "windlass.tasks.program", words[0], "--env", NAME, "--app", "tiny", "--lab", *words[1:]]
    surroundings = os.environ | {"TMPDIR": str(temporary), "PYTHONPATH": str(TOP)}
    return subprocess.run(command, cwd=suite.project, env=surroundings, capture_output=True, check=False)


def holders(suite: Suite, host: str, planted: bytes) -> set[str]:
    """The files on a host that hold the value, and the journal. grep reads it from standard input: a search plants nothing."""

    def lines(script: str) -> list[str]:
        answer = lab.run_inside(suite.lab.hosts[host], Command.of("/bin/sh", "-c", script), given=planted, limit=300)
        assert answer.stderr == b""
        return answer.text.splitlines()

    found = set(lines(f"grep -rlaFs -D skip -f - {EVERYWHERE}"))
    told = lines("cat > /dev/shm/pattern; journalctl --all --output export | grep -acF -f /dev/shm/pattern; rm /dev/shm/pattern")
    return found if told == ["0"] else {*found, "the system's journal"}


def owners(suite: Suite, host: str, planted: bytes) -> set[str]:
    """The working folders of the processes on a host that have the value in their environment."""
    told = suite.shell(
        host, "for p in /proc/[0-9]*; do readlink $p/cwd || continue; base64 -w0 < $p/environ; echo; done 2>/dev/null"
    )
    lines = told.splitlines()
    pairs = zip(lines[::2], lines[1::2], strict=True)
    return {folder for folder, environment in pairs if planted in base64.b64decode(environment)}


def on_the_controller(suite: Suite, temporary: Path, planted: bytes) -> set[Path]:
    """The files that hold the value, but for the one that it comes from."""
    files = [path for top in (suite.project, temporary) for path in top.rglob("*") if path.is_file() and not path.is_symlink()]
    kept = suite.project / ".windlass" / "secrets"
    return {path for path in files if kept not in path.parents and planted in path.read_bytes()}


def any_release(path: str) -> str:
    """A path with a star for the release in it."""
    return re.sub(r"(?<=/releases/)[^/]+", "*", path)


def test_a_secret_is_where_the_application_reads_it_and_nowhere_else(suite: Suite, planted: bytes, tmp_path: Path) -> None:
    suite.commit(note="planted")

    with watching(planted) as watcher:
        told = [
            windlass(suite, tmp_path, *words)
            for words in (
                ("deploy", "--force"),
                ("deploy", "--force", "--json"),
                ("rollback", "--json"),
                ("status",),
                ("releases", "--json"),
                ("pm2.status",),
                ("pm2.logs",),
                ("pm2.restart",),
                ("env.diff", "--json"),
            )
        ]

    assert [done.returncode for done in told] == [0] * len(told), b"\n".join(done.stderr for done in told)
    assert any(b"windlass.tasks.program" in line for line in watcher.seen)
    assert any(b"pm2" in line.lower() for line in watcher.seen)
    assert watcher.shown == set()
    assert [done.args for done in told if planted in done.stdout + done.stderr] == []
    assert on_the_controller(suite, tmp_path, planted) == set()
    for host in APPLICATION_HOSTS:
        assert {any_release(path) for path in holders(suite, host, planted)} == {"/srv/tiny/releases/*/.env"}
        assert {any_release(folder) for folder in owners(suite, host, planted)} == {"/srv/tiny/releases/*"}
    assert holders(suite, "front", planted) == set()


def test_an_application_that_blurts_it_out_when_it_fails_is_hushed(suite: Suite, planted: bytes, tmp_path: Path) -> None:
    suite.deploy()
    before = suite.live()
    repository = suite.project / "tiny"
    server = (repository / "server.js").read_text()
    (repository / "server.js").write_text("throw new Error(`no such greeting: ${process.env.GREETING}`);\n")
    suite.commit(note="blurts")
    try:
        with watching(planted) as watcher:
            failed = [windlass(suite, tmp_path, "deploy", *words) for words in ((), ("--json",))]
        looked = windlass(suite, tmp_path, "pm2.logs")
    finally:
        (repository / "server.js").write_text(server)
        suite.commit(note="is quiet again")
    blurted = {host: holders(suite, host, planted) for host in APPLICATION_HOSTS}
    for host in APPLICATION_HOSTS:
        suite.shell(host, "truncate -s 0 /var/log/tiny/*")

    assert [done.returncode for done in failed] == [1, 1]
    assert all("no such greeting: •••".encode() in done.stdout + done.stderr for done in failed)
    assert watcher.shown == set()
    assert [done.args for done in (*failed, looked) if planted in done.stdout + done.stderr] == []
    assert on_the_controller(suite, tmp_path, planted) == set()
    for files in blurted.values():  # its own log has what it wrote itself; the records of why it failed have not
        logs = {path for path in files if path.startswith("/var/log/tiny/")}
        assert {any_release(path) for path in files - logs} == {"/srv/tiny/releases/*/.env"}
        assert logs
    assert suite.live() == before
