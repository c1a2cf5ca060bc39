"""The line breaks while an operation runs, and is taken up again: nothing runs twice, no output is lost, no agent stays behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from tests.chaos.conftest import Heard, agents, lines, until, waiting
from tests.lab.conftest import TestHost
from windlass import lab
from windlass.errors import ConnectionFailed
from windlass.hosts.fleet import Fleet, errors_of
from windlass.hosts.results import Result
from windlass.operations.command import Run
from windlass.operations.wire import Batch

pytestmark = pytest.mark.lab

SESSIONS = "pgrep -f '^sshd: .*@notty' || true"
RESET = """
nft add table inet cut
nft 'add chain inet cut input { type filter hook input priority -300; }'
nft add rule inet cut input tcp dport 22 reject with tcp reset
sleep 0.7
nft delete table inet cut
"""
SLOW, SLOWER = (
    Run(command=f"echo one >> /root/chaos/ran; for n in $(seq 30); do echo line $n; sleep {pause}; done") for pause in (0.1, 0.25)
)
THEN = Run(command="echo two >> /root/chaos/ran; echo then")


def run_and_break(
    hosts: dict[str, TestHost], deed: Callable[[], object], grace: float = 20.0, first: Run = SLOW
) -> tuple[dict[str, object], Heard]:
    """The same batch on both hosts; the deed is done to one of them while its first operation runs."""
    heard = Heard()
    heard.upon("broken", deed)
    with Fleet([waiting(host, grace) for host in hosts.values()], heard) as both:
        outcomes = both.run(dict.fromkeys(hosts, Batch((first, THEN))))
    return dict(outcomes), heard


def output(outcome: object) -> str:
    assert isinstance(outcome, tuple), outcome
    first: Result = outcome[0]
    return str(first.data["output"])


WHOLE = "".join(f"line {n}\n" for n in range(1, 31))


def test_a_reset_link_is_taken_up_again(hosts: dict[str, TestHost], impatient: None) -> None:
    """The operation goes on meanwhile; the batch ends well, and each operation has run once."""
    outcomes, heard = run_and_break(hosts, lambda: hosts["broken"].shell(RESET))

    assert output(outcomes["broken"]) == output(outcomes["other"]) == WHOLE
    assert lines(hosts["broken"], "ran") == ["one", "two"]
    assert "attached again after" in "".join(heard.notes("broken"))
    until(lambda: agents(hosts["broken"]) == [])


def test_a_killed_sshd_does_not_end_the_operation(hosts: dict[str, TestHost], impatient: None) -> None:
    """All of sshd's processes for this login are killed; the agent goes on, and the next login takes the line up again."""
    broken = hosts["broken"]
    outcomes, heard = run_and_break(hosts, lambda: broken.shell(f"kill -KILL $({SESSIONS})"))

    assert output(outcomes["broken"]) == WHOLE
    assert lines(broken, "ran") == ["one", "two"]
    assert "attached again after" in "".join(heard.notes("broken"))


def test_a_link_that_was_silent_for_a_while_is_taken_up_again(hosts: dict[str, TestHost], impatient: None) -> None:
    """Packets vanish for longer than the silence limit. Both sides notice; the batch ends well."""
    broken = hosts["broken"]

    def cut() -> None:
        lab.cut_link(broken.machine)
        mender.start()

    mender = threading.Timer(5.0, lambda: lab.mend_link(broken.machine))
    outcomes, heard = run_and_break(hosts, cut)

    assert output(outcomes["broken"]) == WHOLE
    assert lines(broken, "ran") == ["one", "two"]
    assert "has said nothing for 3 s; attached again after" in "".join(heard.notes("broken"))


def test_a_link_that_stays_cut_fails_that_host_alone(hosts: dict[str, TestHost], impatient: None) -> None:
    """The message says what and where; the host finishes the operation under way, begins no other, and no agent stays."""
    broken = hosts["broken"]
    began = time.monotonic()
    try:
        outcomes, _heard = run_and_break(hosts, lambda: lab.cut_link(broken.machine), 6.0, SLOWER)
    finally:
        lab.mend_link(broken.machine)

    failed = errors_of(outcomes)
    assert list(failed) == ["broken"]
    assert isinstance(failed["broken"], ConnectionFailed)
    assert "was lost: it has said nothing for 3 s, and could not be taken up again" in failed["broken"].message
    assert "run the same again" in failed["broken"].hint
    assert output(outcomes["other"]) == WHOLE
    assert time.monotonic() - began < 300  # or it would never have ended
    until(lambda: agents(broken) == [])
    assert lines(broken, "ran") == ["one"]
