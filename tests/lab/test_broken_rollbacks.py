"""Rollbacks that break off, each at two steps: at the gate, where what serves is as before, and after the switch, where it has gone
back. It is the application's only host, so one batch carries nearly all of a rollback."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.lab.lone import DEAF, HASTE, Lone, freeze, lose_power, refuse_sudo, stopped
from tests.lab.suite.project import Suite
from tests.waiting import until
from windlass import lab
from windlass.flows.deployment import rollback

pytestmark = pytest.mark.lab

PATIENCE = 300.0
PATIENT = f"import windlass.flows.deployment.rollback as rollback; rollback.WARM_LIMIT = {PATIENCE}"


@pytest.fixture
def warm(lone: Lone, monkeypatch: pytest.MonkeyPatch) -> str:
    """The release that one can go back to; one that does not answer is waited for."""
    monkeypatch.setattr(rollback, "WARM_LIMIT", PATIENCE)
    return lone.warm()


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (freeze, "it has said nothing for 8 s"),
        (refuse_sudo, "could not be taken up again: app1 does not let deploy become root"),
    ],
)
def test_a_host_that_cannot_be_asked_any_more_at_the_gate(
    deed: Callable[[Lone], Callable[[], object]], words: str, lone: Lone, warm: str, impatient: None
) -> None:
    """The run does not say that it knows what serves; what served goes on, and the next rollback gets there."""
    before = lone.answer()
    idle = lone.idle()
    with lone.mute():
        lone.begin(lambda: lone.rollback(warm))
        until(lambda: lone.is_asked(idle))

        error = lone.failure_after(deed)

    assert f"the rollback to {warm} broke off: the connection to app1 was lost: " in error.message
    assert words in error.message
    assert "does not answer; the next run will finish or take back what it holds" in error.hosts["app1"]
    assert "run the same again" in error.hint
    assert lone.answer() == before
    until(lone.is_free)
    assert lone.rollback(warm).warm
    assert lone.serves(warm)


def test_a_host_that_loses_its_power_at_the_gate(lone: Lone, warm: str, suite: Suite) -> None:
    """It is there again when the line is to be taken up; what served before serves, and the next rollback gets there."""
    before, idle = lone.live(), lone.idle()
    with lone.mute():
        lone.begin(lambda: lone.rollback(warm))
        until(lambda: lone.is_asked(idle))
        lose_power(suite)
        error = lone.failure()

    assert f"not gone back to {warm}: the connection to app1 was lost" in error.message
    assert error.hosts == {"app1": f"{before} serves"}
    assert lone.is_at_rest()
    until(lambda: lone.serves(before))
    lone.rollback(warm)
    assert lone.serves(warm)


def test_a_controller_that_stands_still_at_the_gate(lone: Lone, warm: str) -> None:
    """The host has given it up when it goes on: it finds what served before, and says so."""
    before, idle = lone.answer(), lone.idle()
    with lone.mute():
        with lone.haste():
            process = lone.command("rollback", "--to", warm, before=HASTE + PATIENT)
            until(lambda: lone.is_asked(idle))
        with stopped(process):
            until(lone.is_free)
        _output, errors = process.communicate(timeout=300)

    assert process.returncode == 1, errors
    assert f"not gone back to {warm}: the connection to app1 was lost" in errors
    assert f"app1: {before['release']} serves" in errors
    assert lone.answer() == before
    assert lone.is_at_rest()
    assert lone.rollback(warm).warm
    assert lone.serves(warm)


def test_a_host_that_loses_its_power_after_the_switch(lone: Lone, warm: str, suite: Suite) -> None:
    """It has gone back, and goes on so when it boots; the same run does what is left."""
    with lone.busy():
        lone.begin(lambda: lone.rollback(warm))
        until(lambda: lone.step() == "settle")
        lose_power(suite)
    error = lone.failure()

    assert f"gone back to {warm}, but not without a fault afterwards: the connection to app1 was lost" in error.message
    assert error.hosts == {"app1": f"{warm} serves"}
    assert lone.is_at_rest()
    until(lambda: lone.serves(warm))


def test_a_controller_that_is_killed_while_a_release_is_started_anew(lone: Lone) -> None:
    """One that is no longer warm, and does not get ready. What served goes on; the next rollback need not wait for the lock."""
    cold = lone.cold()
    before = lone.answer()
    process = lone.command("rollback", "--to", cold)
    until(lambda: lone.step() == "start")
    process.kill()
    process.communicate()
    until(lambda: lone.shell("pgrep -f '^sshd: .*@notty' || true") == "")

    assert lone.answer() == before
    lone.shell(f"rm {DEAF}")
    back = lone.rollback(cold)
    assert f"a rollback of {cold} " in back.story
    assert "before any host had switched: clearing it away" in back.story
    assert not back.warm
    assert lone.serves(cold)


def test_a_disk_that_is_full(lone: Lone, warm: str) -> None:
    """The last run has kept the room that it takes to go back."""
    with lone.full():
        assert lone.rollback(warm).warm
        assert lone.live() == warm
        assert lone.serves(warm)
        assert lone.is_at_rest()


def test_a_controller_that_is_killed_after_the_switch(lone: Lone, warm: str) -> None:
    """It has gone back; the next run finds that, and does what is left."""
    before = lone.live()
    with lone.busy():
        process = lone.command("rollback", "--to", warm)
        until(lambda: lone.step() == "settle")
        process.kill()
        process.communicate()
    assert lone.serves(warm)

    forth = lone.rollback(before)

    assert f"a rollback of {warm} " in forth.story
    assert "after every host had switched: finishing it" in forth.story
    assert lone.serves(before)


def test_ctrl_c_at_the_gate(lone: Lone, warm: str) -> None:
    before, idle = lone.answer(), lone.idle()
    with lone.mute():
        process = lone.command("rollback", "--to", warm, before=PATIENT)
        until(lambda: lone.is_asked(idle))
        process.send_signal(signal.SIGINT)
        _output, errors = process.communicate(timeout=300)

    assert process.returncode == 130
    assert f"the rollback to {warm} was taken back. app1: {before['release']} serves" in errors
    assert lone.answer() == before
    assert lone.is_at_rest()


def test_ctrl_c_twice_after_the_switch(lone: Lone, warm: str) -> None:
    """The command is left at once; it has gone back, and the next run does what is left. The host stands still meanwhile, or it
    would have done that between the two."""
    before = lone.live()
    with lone.busy():
        with lone.haste():
            process = lone.command("rollback", "--to", warm, before=HASTE)
            until(lambda: lone.step() == "settle")
        lab.freeze(lone.host)
        process.send_signal(signal.SIGINT)
        assert process.stderr
        while "Ctrl-C again" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        _output, _errors = process.communicate(timeout=300)
        lab.thaw(lone.host)

    assert process.returncode == 130
    assert lone.serves(warm)
    until(lone.is_free)
    assert "after every host had switched: finishing it" in lone.rollback(before).story
    assert lone.serves(before)
