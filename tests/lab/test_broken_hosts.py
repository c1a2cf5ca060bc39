"""Deploys to a host that breaks in the middle: it loses its power, freezes, has no room, refuses sudo. What served goes on, and the
words say what is true there and what to type. It is the application's only host, so one batch carries nearly all of a deploy."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from tests.lab.suite.project import NAME, Suite
from tests.lab.test_broken_runs import is_free, until
from windlass import lab
from windlass.errors import FlowFailed
from windlass.flows.deploy import Deployed, deploy
from windlass.flows.rollback import rollback
from windlass.hosts import fleet, line

pytestmark = pytest.mark.lab

HOLD = "touch ../../shared/held; until test -e ../../shared/go; do sleep 0.1; done; rm ../../shared/go ../../shared/held"
FULL = "mount -t tmpfs -o size=4k,nr_inodes=1 tmpfs"


class Lone:
    """An application of one host, and a deploy of it that stands still where it is to be broken."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._workspace = suite.workspace
        self._application = suite.workspace.environment.application("lone")
        self.host = suite.lab.hosts["app1"]
        self._outcome: list[Deployed | Exception] = []
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

    def deploy(self, note: str = "", watch: float = 0.2) -> Deployed:
        self._suite.commit(note=note or "a version", application="tiny")
        gate = self._application.gate.model_copy(update={"watch_seconds": watch})
        return deploy(self._workspace, self._application.model_copy(update={"gate": gate}), "")

    def rollback(self) -> object:
        return rollback(self._workspace, self._application)

    def begin(self, note: str, watch: float = 0.2) -> None:
        """A deploy in a thread of its own."""

        def go() -> None:
            try:
                self._outcome.append(self.deploy(note, watch))
            except Exception as error:  # it is what the test looks at
                self._outcome.append(error)

        self._under_way = threading.Thread(target=go)
        self._under_way.start()

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

    def failure(self) -> FlowFailed:
        self._under_way.join()
        (error,) = self._outcome
        assert isinstance(error, FlowFailed), error
        return error

    def is_free(self) -> bool:
        return is_free(self._suite, "app1", "lone")


@pytest.fixture
def lone(suite: Suite) -> Iterator[Lone]:
    found = Lone(suite)
    if not found.shell("readlink -e /srv/lone/live || true") or not found.is_at_rest():
        found.deploy("good")
    yield found
    lab.thaw(found.host)
    found.let_go()
    found.shell("umount /srv/lone/slots/* /srv/lone/records 2>/dev/null || true")


@pytest.fixture
def impatient(lone: Lone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience as it is, only shorter."""
    monkeypatch.setattr(line, "SILENCE_LIMIT", 8.0)
    monkeypatch.setattr(fleet, "PING_EVERY", 0.3)
    lone.give_up_soon()


def held(lone: Lone, note: str) -> None:
    """A deploy that stands in its migration, before anything was started."""
    lone.hold()
    lone.begin(note)
    lone.until_it_migrates()


def lose_power(suite: Suite) -> None:
    lab.cut_power(suite.lab.hosts["app1"])
    lab.boot(suite.lab, "app1", say=lambda _line: None)


def test_a_host_that_loses_its_power_before_the_switch_is_taken_back_by_the_same_run(lone: Lone, suite: Suite) -> None:
    """It is there again when the line is to be taken up: the run goes in anew, and clears away what it had begun."""
    before = lone.live()
    held(lone, "no power")

    lose_power(suite)
    error = lone.failure()

    assert "was not deployed: the connection to app1 was lost" in error.message
    assert error.hosts == {"app1": f"{before} serves"}
    assert "run the same again" in error.hint
    assert lone.is_at_rest()
    until(lambda: lone.serves(before))


def test_a_host_that_loses_its_power_after_the_switch_comes_back_with_the_new_release(lone: Lone, suite: Suite) -> None:
    """Every host had switched: there is no way but forth."""
    lone.begin("no power later", watch=60.0)
    new = lone.until_it_has_switched(lone.live())

    lose_power(suite)
    error = lone.failure()

    assert f"{new} serves on every host, but something failed after the switch" in error.message
    assert error.hosts == {"app1": f"{new} serves"}
    assert lone.is_at_rest()
    until(lambda: lone.serves(new))
    assert lone.shell("pgrep -fc 'God Daemon \\(/srv/lone/.pm2\\)'") == "1"


def freeze(lone: Lone) -> Callable[[], object]:
    lab.freeze(lone.host)
    return lambda: lab.thaw(lone.host)


def refuse_sudo(lone: Lone) -> Callable[[], object]:
    """The line is lost, and nobody who comes in anew becomes root."""
    lone.shell("mkdir /root/sudoers; mv /etc/sudoers.d/* /root/sudoers; pkill -KILL -f '^sshd: .*@notty'")
    return lambda: lone.shell("mv /root/sudoers/* /etc/sudoers.d; rmdir /root/sudoers")


@pytest.mark.parametrize(
    ("deed", "words"),
    [(freeze, "has said nothing for 8 s"), (refuse_sudo, "could not be taken up again: app1 does not let deploy become root")],
)
def test_a_host_that_cannot_be_asked_any_more(
    deed: Callable[[Lone], Callable[[], object]], words: str, lone: Lone, impatient: None
) -> None:
    """The run does not say that it knows what serves there; what served goes on untouched, and the next deploy clears up."""
    before = lone.answer()
    held(lone, deed.__name__)

    mend = deed(lone)
    try:
        error = lone.failure()
    finally:
        mend()

    assert "broke off: the connection to app1 was lost: " in error.message
    assert words in error.message
    assert "does not answer; the next run will finish or take back what it holds" in error.hosts["app1"]
    assert "run the same again" in error.hint
    assert error.exit_code == 3
    assert lone.answer() == before
    lone.let_go()
    until(lone.is_free)
    deployed = lone.deploy("mended")
    assert "before any host had switched: clearing it away" in deployed.story
    assert lone.serves(deployed.release)


def test_a_disk_that_is_full_before_the_switch(lone: Lone) -> None:
    """The slot has no room: what served goes on, nothing is left over, and the words say what to do."""
    before = lone.answer()
    held(lone, "no room")
    idle = "green" if before["slot"] == "blue" else "blue"

    lone.shell(f"{FULL} /srv/lone/slots/{idle}")
    lone.let_go()
    error = lone.failure()

    assert "was not deployed" in error.message
    assert "No space left on device" in error.message
    assert "df -h" in error.hint
    assert error.hosts == {"app1": f"{before['release']} serves"}
    assert lone.answer() == before
    assert lone.is_at_rest()


def test_a_disk_that_is_full_after_the_switch(lone: Lone) -> None:
    """There is no room to remember what serves now: it serves, and what is left to do the next run does when there is room."""
    before = lone.live()
    held(lone, "no room later")

    lone.shell(f"{FULL} /srv/lone/records")
    lone.let_go()
    error = lone.failure()

    new = lone.live()
    assert new != before
    assert f"{new} serves on every host, but something failed after the switch" in error.message
    assert "df -h" in error.hint
    assert error.hosts == {"app1": f"{new} serves; the next run will finish or take back the rest"}
    assert lone.serves(new)
    lone.shell("umount /srv/lone/records")
    deployed = lone.deploy("room again")
    assert "after every host had switched: finishing it" in deployed.story
    assert lone.serves(deployed.release)


def test_a_rollback_where_nothing_can_be_written_any_more_has_gone_back_and_says_so(lone: Lone) -> None:
    lone.deploy("to go back from")
    before = lone.live()
    lone.shell("mount --bind /srv/lone/records /srv/lone/records; mount -o remount,bind,ro /srv/lone/records")

    with pytest.raises(FlowFailed, match="but not without a fault afterwards") as caught:
        lone.rollback()

    assert "read-only" in caught.value.hint
    assert lone.live() != before
    assert lone.serves(lone.live())


def test_a_controller_that_is_killed_while_one_batch_carries_the_deploy(lone: Lone, suite: Suite) -> None:
    """The host finishes its migration and begins nothing more; the next deploy needs not wait for the lock, and clears up."""
    before = lone.answer()
    lone.hold()
    suite.commit(note="the controller is killed")
    process = suite.command("deploy", "--env", NAME, "--lab", "--app", "lone")
    lone.until_it_migrates()

    process.kill()
    process.communicate()
    until(lambda: lone.shell("pgrep -f '^sshd: .*@notty' || true") == "")  # so the agent knows that nobody is there
    lone.let_go()
    until(lambda: not lone.migrates())
    deployed = lone.deploy("after the kill")

    assert "before any host had switched: clearing it away" in deployed.story
    assert deployed.before == before["release"]
    assert lone.serves(deployed.release)
