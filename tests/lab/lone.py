"""An application of one host, so that one batch carries nearly all of a run, and ways to have a run stand still there."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

from tests.lab.suite.project import NAME, Suite, begun
from tests.waiting import until
from windlass import lab
from windlass.errors import FlowFailed
from windlass.flows.deployment.deploy import Deployed, deploy
from windlass.flows.deployment.rollback import RolledBack, rollback

HASTE = """
from windlass.hosts.many import fleet
from windlass.inventory import general
fleet.PING_EVERY, general.SHORTEST_GRACE = 0.3, 5.0
"""
WATCH = "stable_seconds: 0.2, watch_seconds: 0.2}"  # of the application's gate
HOLD = "touch ../../shared/held; until test -e ../../shared/go; do sleep 0.1; done; rm ../../shared/go ../../shared/held"
DEAF = "/srv/lone/shared/deaf"  # while it is there, a release that asks for that does not listen when it is started
# The application's folder on a disk of its own on which nothing is left; PM2 goes on where it is.
FILLED = """
cp -a --sparse=never /srv/lone /srv/lone.copy; mkdir -p /srv/lone.pm2; mount --bind /srv/lone/.pm2 /srv/lone.pm2
mount -t tmpfs -o size=$(($(du -sk /srv/lone.copy | cut -f1) + 8192))k tmpfs /srv/lone
cp -a --sparse=never /srv/lone.copy/. /srv/lone; rm -r /srv/lone.copy; mount --bind /srv/lone.pm2 /srv/lone/.pm2
dd if=/dev/zero of=/srv/lone/logs bs=4k 2>/dev/null || test $(df --output=avail /srv/lone | tail -1) = 0
"""
FULL = "mount -t tmpfs -o size=4k,nr_inodes=1 tmpfs"


class Lone:
    """The application, and a run that stands still where it is to be broken."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._workspace = suite.workspace
        self._application = suite.workspace.environment.application("lone")
        self.host = suite.lab.hosts["app1"]
        self._outcome: list[object] = []
        self._under_way = threading.Thread()

    def give_up_soon(self) -> None:
        """A host that does not come back is waited for shortly."""
        environment = dataclasses.replace(self._workspace.environment, grace_seconds=10.0, connect_seconds=6.0)
        self._workspace = dataclasses.replace(self._workspace, environment=environment)

    def shell(self, script: str) -> str:
        return self._suite.shell("app1", script)

    def answer(self) -> dict[str, object]:
        """Who serves: release, slot and process."""
        with urllib.request.urlopen(self._suite.url(port=8110), timeout=30) as response:  # noqa: S310 - the balancer of the lab
            return dict(json.load(response))

    def serves(self, release: object) -> bool:
        with contextlib.suppress(OSError):
            return self.answer()["release"] == release
        return False

    def live(self) -> str:
        return str(json.loads(self.shell("cat /srv/lone/live/slot.json"))["release"])

    def is_at_rest(self) -> bool:
        """Nothing is under way there, as far as its disk says."""
        return self.shell("ls /srv/lone/progress.json 2>/dev/null || true") == ""

    def deploy(self, note: str = "", watch: float = 0.2, fault: dict[str, Any] | None = None) -> Deployed:
        self._suite.commit(fault, note=f"{note} {time.monotonic()}", application="tiny")
        gate = self._application.gate.model_copy(update={"watch_seconds": watch})
        return deploy(self._workspace, self._application.model_copy(update={"gate": gate}), "")

    def rollback(self, wanted: str = "") -> RolledBack:
        return rollback(self._workspace, self._application, wanted)

    def begin(self, work: Callable[[], object]) -> None:
        """A run in a thread of its own."""

        def go() -> None:
            try:
                self._outcome.append(work())
            except Exception as error:  # it is what the test looks at
                self._outcome.append(error)

        self._under_way = threading.Thread(target=go)
        self._under_way.start()

    def command(self, *words: str, before: str = "") -> subprocess.Popen[str]:
        """A command of ours as a process of its own, in which something is said beforehand."""
        program = f"{before}\nfrom windlass.tasks.program import command\ncommand()"
        return begun(self._suite.project, "-c", program, *words, "--env", NAME, "--lab", "--app", "lone")

    @contextlib.contextmanager
    def haste(self, watch: float = 0.2) -> Iterator[None]:
        """Commands that begin meanwhile with HASTE, and their hosts, give each other up soon. `watch`: seconds that a release is
        watched."""
        folder = self._suite.project / "inventories" / NAME
        texts = {path: path.read_text() for path in folder.glob("*.yml")}
        for path, text in texts.items():
            path.write_text(
                text.replace("grace_seconds: 30", "grace_seconds: 5").replace(WATCH, WATCH.replace("0.2}", f"{watch}}}"))
            )
        try:
            yield
        finally:
            for path, text in texts.items():
                path.write_text(text)

    def idle(self) -> str:
        """The slot that does not serve."""
        return "green" if "blue" in self.shell("readlink /srv/lone/live") else "blue"

    def warm(self) -> str:
        """The release that is kept warm; one is deployed where there is none."""
        look = "cat /srv/lone/slots/{}/slot.json 2>/dev/null || true"
        if not self.shell(look.format(self.idle())):
            self.deploy("to go back from")
        return str(json.loads(self.shell(look.format(self.idle())))["release"])

    def cold(self) -> str:
        """A release that served, is no longer warm, and does not get ready when it is started anew."""
        release = self.deploy("deaf later", fault={"kind": "deaf", "when": DEAF}).release
        for note in ("after it", "and after that"):
            self.deploy(note)
        self.shell(f"touch {DEAF}")
        return release

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """Its disk is full; what is done there meanwhile is forgotten afterwards."""
        self.shell(FILLED)
        try:
            yield
        finally:
            self.shell("umount -l /srv/lone/.pm2 /srv/lone /srv/lone.pm2; rmdir /srv/lone.pm2")

    @contextlib.contextmanager
    def mute(self) -> Iterator[None]:
        """What is kept warm takes connections and answers none: a gate waits for it."""
        run = f"/run/lone/{self.idle()}/web-0"
        self.shell(f"kill -STOP $(cat {run}.pid)")
        try:
            yield
        finally:
            self.shell(f"kill -CONT $(cat {run}.pid) || true")

    def is_asked(self, slot: str) -> bool:
        """Whether somebody waits for an answer of what is mute."""
        return self.shell(f"ss -xlnH src /run/lone/{slot}/web-0.sock | awk '{{print $3}}'").strip() not in ("", "0")

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Somebody is connected to what serves: it does not drain."""
        with socket.create_connection((self._suite.lab.hosts["front"].address, 8110), timeout=60) as connection:
            connection.sendall(b"GET /?until=stop HTTP/1.1\r\nHost: lone\r\n\r\n")
            slot = "blue" if self.idle() == "green" else "green"
            until(lambda: "ESTAB" in self.shell(f"ss -xH src /run/lone/{slot}/web-0.sock"))
            yield

    def step(self) -> str:
        """What its disk says is being done."""
        found = self.shell("cat /srv/lone/progress.json 2>/dev/null || echo '{}'")
        return str(json.loads(found).get("step", ""))

    def hold(self) -> None:
        """Let the next migration stand still."""
        self.shell(f"cd /srv/lone/shared; rm -f go held; echo '{HOLD}' > hold")

    def migrates(self) -> bool:
        """Whether a migration stands still."""
        return "held" in self.shell("ls /srv/lone/shared").split()

    def until_it_migrates(self) -> None:
        until(self.migrates)

    def until_it_has_switched(self, before: str) -> str:
        until(lambda: self.live() != before)
        return self.live()

    def let_go(self) -> None:
        """The migration under way, and every later one."""
        self.shell("rm -f /srv/lone/shared/hold; touch /srv/lone/shared/go")

    def outcome(self) -> object:
        """Of the run that was begun: what it gave, or its error."""
        self._under_way.join()
        return self._outcome.pop()

    def failure(self) -> FlowFailed:
        """Of the run that was begun."""
        error = self.outcome()
        assert isinstance(error, FlowFailed), error
        return error

    def failure_after(self, deed: Callable[[Lone], Callable[[], object]]) -> FlowFailed:
        """What becomes of the run that was begun when this is done to its host, which is mended afterwards."""
        mend = deed(self)
        try:
            return self.failure()
        finally:
            mend()

    def is_free(self) -> bool:
        return is_free(self._suite, "app1", "lone")


@contextlib.contextmanager
def stopped(process: subprocess.Popen[str]) -> Iterator[None]:
    """A command that stands still, as on a laptop whose lid is shut."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def is_free(suite: Suite, host: str, application: str = "tiny") -> bool:
    """Whether nobody holds the application's lock on a host: the agent there ends when it has heard nothing for its limit."""
    return suite.shell(host, f"flock -n /run/windlass/lock/app-{application} true && echo free || true").strip() == "free"


def held(lone: Lone) -> None:
    """A deploy that stands in its migration, before anything was started."""
    lone.hold()
    lone.begin(lambda: lone.deploy("held"))
    lone.until_it_migrates()


def lose_power(suite: Suite) -> None:
    lab.cut_power(suite.lab.hosts["app1"])
    lab.boot(suite.lab, "app1", say=lambda _line: None)


def freeze(lone: Lone) -> Callable[[], object]:
    lab.freeze(lone.host)
    return lambda: lab.thaw(lone.host)


def refuse_sudo(lone: Lone) -> Callable[[], object]:
    """The line is lost, and nobody who comes in anew becomes root."""
    lone.shell("mkdir /root/sudoers; mv /etc/sudoers.d/* /root/sudoers; pkill -KILL -f '^sshd: .*@notty'")
    return lambda: lone.shell("mv /root/sudoers/* /etc/sudoers.d; rmdir /root/sudoers")
