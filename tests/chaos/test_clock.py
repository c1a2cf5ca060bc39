"""A host's clock jumps by years, forth and back: no limit ends early or never, nothing is done twice.

Hosts of a lab share this machine's clock, which must stay: the agent's Python is started with a clock of the day that a file bends.
The one that only counts, by which we wait, is left alone, as a jump leaves it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.chaos.conftest import Heard, agents, lines, waiting
from tests.lab.conftest import TestHost
from tests.waiting import until
from windlass.errors import OperationFailed
from windlass.hosts.agent.results import Result
from windlass.hosts.many.fleet import Fleet
from windlass.operations.command import Run
from windlass.operations.lease import Lease
from windlass.operations.operation import Operation
from windlass.operations.wait import WaitFor
from windlass.operations.wire import Batch
from windlass.values import new_run_id

pytestmark = pytest.mark.lab

BENT = """\
#!/bin/sh
program=$5
shift 5
exec /usr/bin/python3 -I -S -u -c "import time
straight = time.time
time.time = lambda: straight() + float(open('/root/clock').read() or 0)
$program" "$@"
"""
YEAR = 365 * 86400
AHEAD, BEHIND = (f"echo one >> /root/chaos/ran; echo {years * YEAR} > /root/clock" for years in (10, -10))


@pytest.fixture
def broken(hosts: dict[str, TestHost]) -> Iterator[TestHost]:
    """Its agent has a clock that a file bends."""
    host = hosts["broken"]
    host.shell(f"echo 0 > /root/clock; cat > /usr/local/bin/python3 <<'END'\n{BENT}END\nchmod 755 /usr/local/bin/python3")
    yield host
    host.shell("rm /usr/local/bin/python3")


def run(host: TestHost, *operations: Operation, journal: str = "") -> tuple[Result, ...] | Exception:
    with Fleet([waiting(host, 20.0)], Heard()) as fleet:
        ahead = float(host.shell("cat /root/clock"))
        bent = fleet.channel("broken").facts["clock"] - time.time()
        assert abs(bent - ahead) < YEAR, "the agent's clock is not bent"
        return fleet.run({"broken": Batch(operations, journal=journal)})["broken"]


def test_a_clock_that_jumps_in_the_middle_of_a_batch_ends_nothing(broken: TestHost, impatient: None) -> None:
    """Ten years ahead, twenty back: what runs is not ended, what waits is, the lock is held, times are those that passed."""
    outcome = run(
        broken,
        Lease(name="clock", holder="ada", purpose="a drill"),
        Run(command=f"{AHEAD}; sleep 4", limit_seconds=100.0),
        Run(command=f"{BEHIND}; sleep 4", limit_seconds=100.0),
        Run(command="echo two >> /root/chaos/ran"),
    )
    late = run(broken, WaitFor(path="/root/chaos/never", limit_seconds=1.0))

    assert isinstance(outcome, tuple), outcome
    assert lines(broken, "ran") == ["one", "one", "two"]
    assert all(0 <= result.seconds < YEAR for result in outcome)
    assert isinstance(late, OperationFailed)
    until(lambda: agents(broken) == [])


def test_a_journal_holds_when_the_clock_has_jumped_since(broken: TestHost) -> None:
    journal = f"{new_run_id()}.broken"
    first = run(broken, Run(command=AHEAD), Run(command="false"), journal=journal)

    second = run(broken, Run(command=AHEAD), Run(command="false"), journal=journal)

    assert isinstance(first, OperationFailed)
    assert isinstance(second, OperationFailed)
    assert lines(broken, "ran") == ["one"]
