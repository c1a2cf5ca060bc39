"""Deploys to a host that breaks in the middle: it loses its power, freezes, has no room, refuses sudo. What served goes on, and the
words say what is true there and what to type. It is the application's only host, so one batch carries nearly all of a deploy."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.lab.lone import FULL, HASTE, Lone, freeze, held, lose_power, refuse_sudo, stopped
from tests.lab.suite.project import NAME, Suite
from tests.waiting import until
from windlass.errors import FlowFailed
from windlass.flows.deployment.deploy import Deployed
from windlass.flows.setup import setup

pytestmark = pytest.mark.lab

BOOTED = "/run/booted"  # is there once the host has booted again


def test_a_host_that_loses_its_power_before_the_switch_is_taken_back_by_the_same_run(lone: Lone, suite: Suite) -> None:
    """It is there again when the line is to be taken up: the run goes in anew, and clears away what it had begun."""
    before = lone.live()
    held(lone)

    lose_power(suite)
    error = lone.failure()

    assert "was not deployed: the connection to app1 was lost" in error.message
    assert error.hosts == {"app1": f"{before} serves"}
    assert "run the same again" in error.hint
    assert lone.is_at_rest()
    until(lambda: lone.serves(before))


def test_a_host_that_loses_its_power_in_the_watch_is_watched_again_by_the_same_run(lone: Lone, suite: Suite) -> None:
    """The new release, which serves when the host boots, does not stay up: without a watch it would be what serves."""
    before = lone.live()
    lone.shell(f"echo 'f {BOOTED}' >/etc/tmpfiles.d/booted.conf")
    lone.begin(lambda: lone.deploy("fails when it boots", watch=300.0, fault={"kind": "late", "when": BOOTED}))
    new = lone.until_it_has_switched(before)

    lose_power(suite)
    error = lone.failure()
    lone.shell("rm /etc/tmpfiles.d/booted.conf")

    assert f"{new} was not deployed: the connection to app1 was lost" in error.message
    assert error.hosts == {"app1": f"{before} serves"}
    assert "had switched back by itself (web-0: " in lone.shell(f"cat /srv/lone/records/{new}.json")
    assert lone.is_at_rest()
    until(lambda: lone.serves(before))
    assert lone.shell("pgrep -fc 'God Daemon \\(/srv/lone/.pm2\\)'") == "1"


def at_the_gate(lone: Lone) -> None:
    """A deploy of a release that never gets ready."""
    lone.begin(lambda: lone.deploy("never ready", fault={"kind": "never"}))
    until(lambda: "still not ready" in lone.shell("tail -qn 3 /var/log/lone/*-web-0.log"))


@pytest.mark.parametrize(
    ("stand", "deed", "words"),
    [
        (at_the_gate, freeze, "has said nothing for 8 s"),
        (held, refuse_sudo, "could not be taken up again: app1 does not let deploy become root"),
    ],
)
def test_a_host_that_cannot_be_asked_any_more(
    stand: Callable[[Lone], None], deed: Callable[[Lone], Callable[[], object]], words: str, lone: Lone, impatient: None
) -> None:
    """The run does not say that it knows what serves there; what served goes on untouched, and the next deploy clears up."""
    before = lone.answer()
    stand(lone)

    error = lone.failure_after(deed)

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


def test_a_host_that_freezes_while_it_watches_goes_back_by_itself_and_the_next_run_says_so(lone: Lone, impatient: None) -> None:
    """The controller has given up when it wakes; nobody has to tell it."""
    before = lone.live()
    lone.shell("rm -f /srv/lone/shared/now")
    lone.begin(lambda: lone.deploy("fails later", watch=300.0, fault={"kind": "late", "when": "/srv/lone/shared/now"}))
    new = lone.until_it_has_switched(before)

    error = lone.failure_after(freeze)
    lone.shell("touch /srv/lone/shared/now")
    until(lambda: lone.live() == before)

    assert f"the deploy of lone {new} broke off: the connection to app1 was lost" in error.message
    assert lone.serves(before)
    until(lone.is_free)
    deployed = lone.deploy("mended")
    assert "at the step 'switch'" in deployed.story
    assert "app1 had switched back by itself (web-0: " in deployed.story
    assert lone.serves(deployed.release)


def test_a_controller_that_stands_still_at_the_gate_does_no_harm_when_it_goes_on(lone: Lone, suite: Suite) -> None:
    """The host has given it up, and another one has deployed meanwhile: what it finds is not its own any more."""
    before = lone.live()
    suite.commit({"kind": "never"}, note=f"never ready {time.monotonic()}", application="tiny")
    with lone.haste():
        process = lone.command("deploy", before=HASTE)
        until(lambda: lone.step() == "start" and "still not ready" in lone.shell("tail -qn 3 /var/log/lone/*-web-0.log"))

    with stopped(process):
        until(lone.is_free)
        deployed = lone.deploy("meanwhile")
    _output, errors = process.communicate(timeout=300)

    assert deployed.before == before
    assert "before any host had switched: clearing it away" in deployed.story
    assert process.returncode == 1, errors
    assert "was not deployed: the connection to app1 was lost" in errors
    assert f"app1: {deployed.release} serves" in errors
    assert lone.serves(deployed.release)
    assert lone.is_at_rest()


def test_a_controller_that_stands_still_in_the_watch_is_told_that_the_host_went_back(lone: Lone, suite: Suite) -> None:
    before = lone.live()
    lone.shell("rm -f /srv/lone/shared/now")
    suite.commit({"kind": "late", "when": "/srv/lone/shared/now"}, note=f"fails later {time.monotonic()}", application="tiny")
    with lone.haste(watch=300.0):
        process = lone.command("deploy", before=HASTE)
        new = lone.until_it_has_switched(before)

    with stopped(process):
        lone.shell("touch /srv/lone/shared/now")
        until(lone.is_free)
    _output, errors = process.communicate(timeout=300)

    assert process.returncode == 1, errors
    assert f"lone {new} was not deployed" in errors
    assert f"app1: {before} serves" in errors
    assert "switched back" in lone.shell(f"cat /srv/lone/records/{new}.json")
    assert lone.is_at_rest()
    assert lone.serves(before)


def test_a_disk_that_is_full_before_the_switch(lone: Lone) -> None:
    """The slot has no room: what served goes on, nothing is left over, and the words say what to do."""
    before = lone.answer()
    held(lone)
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
    held(lone)

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


SPOILT = "rm /etc/logrotate.d/windlass-lone; echo '# spoilt' >>/etc/nginx/nginx.conf"


def test_a_setup_by_another_controller_in_the_midst_of_a_deploy(lone: Lone, suite: Suite) -> None:
    """They do not keep each other out: a setup leaves alone what a deploy has in its hands, so both end well."""
    before = lone.answer()
    held(lone)
    lone.shell(SPOILT)

    done = setup(suite.workspace, suite.workspace.hosts("app1"))
    meanwhile = (lone.answer(), lone.step())
    lone.let_go()
    deployed = lone.outcome()

    assert done.error() is None
    assert done.changed >= 2, "the file that is missing, and nginx's own"
    assert lone.shell("ls /etc/logrotate.d/windlass-lone; grep -c spoilt /etc/nginx/nginx.conf || true").split()[1] == "0"
    assert meanwhile == (before, "migrate")
    assert isinstance(deployed, Deployed), deployed
    assert (deployed.before, lone.live()) == (before["release"], deployed.release)
    assert lone.serves(deployed.release)
    assert lone.is_at_rest()
