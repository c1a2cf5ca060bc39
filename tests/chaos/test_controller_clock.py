"""The controller's clock jumps by years in the middle of a run, forth and back: no host is taken for dead, or waited for in vain.

This machine's clock has to stay: the controller is a process of its own with libfaketime before the C library, which a file bends.
The clock that does not jump is left alone, as a jump leaves it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.conftest import agents, let_go, lines, until_they_wait
from tests.chaos.controllers import Invoke
from tests.lab.conftest import TestHost
from tests.unit.sample_project import REPOSITORY, surroundings
from tests.waiting import until
from windlass import lab
from windlass.history.database import History
from windlass.values import Command

pytestmark = pytest.mark.lab

FETCH = """
cd /root; test -e faketime.so || {
    (apt-get download -qq libfaketime || { apt-get update -qq; apt-get download -qq libfaketime; }) >&2
    dpkg -x libfaketime_*.deb faketime; mv faketime/usr/lib/*/faketime/libfaketimeMT.so.1 faketime.so
}
cat faketime.so
"""
YEARS = {"ahead": "+3650d", "behind": "-3650d"}


class Clock:
    """The clock of whoever is started with `surroundings`."""

    def __init__(self, folder: Path, library: bytes) -> None:
        self._file = folder / "clock"
        (folder / "faketime.so").write_bytes(library)
        self.surroundings = {
            "LD_PRELOAD": str(folder / "faketime.so"),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        self.jump("+0")

    def jump(self, distance: str) -> None:
        """So far from what is right; whole at once."""
        new = self._file.with_suffix(".new")
        new.write_text(distance)
        new.rename(self._file)


@pytest.fixture
def clock(hosts: dict[str, TestHost], tmp_path_factory: pytest.TempPathFactory) -> Clock:
    """Debian's libfaketime, as the hosts get it. A controller of another kind than they are may not be able to load it."""
    fetched = lab.run_inside(hosts["other"].machine, Command.of("/bin/sh", "-ec", FETCH), limit=120)
    if fetched.code:
        pytest.skip(f"libfaketime cannot be had here: {fetched.stderr.decode(errors='replace')[-200:]}")
    made = Clock(tmp_path_factory.mktemp("clock"), fetched.stdout)
    made.jump(YEARS["ahead"])
    year = subprocess.run(["date", "+%Y"], env=made.surroundings, capture_output=True, text=True, check=False)
    right = subprocess.run(["date", "+%Y"], capture_output=True, text=True, check=True)
    if not year.stdout or int(year.stdout) <= int(right.stdout):
        pytest.skip(f"libfaketime does not work here: {year.stderr}")
    made.jump("+0")
    return made


@pytest.mark.parametrize(("first", "second"), [("ahead", "behind"), ("behind", "ahead")])
def test_a_run_in_whose_middle_the_clock_jumps_is_done(
    first: str, second: str, hosts: dict[str, TestHost], invoke: Invoke, clock: Clock, tmp_path: Path
) -> None:
    """Each step once, no line is lost, times are those that passed; the history has both runs, the last one first."""
    process = invoke("--json", **clock.surroundings)
    until_they_wait(hosts)
    clock.jump(YEARS[first])
    let_go(hosts)
    document = json.loads(process.communicate(timeout=300)[0])
    clock.jump(YEARS[second])
    again = json.loads(invoke("--json", **clock.surroundings).communicate(timeout=300)[0])

    assert (process.returncode, document["error"]) == (0, None)
    assert [lines(host, "ran") for host in hosts.values()] == [["one", "two", "three", "one", "three"]] * 2
    log = (tmp_path / f".windlass/runs/{document['run']}/events.jsonl").read_text()
    assert "attached again" not in log
    assert [run.run for run, _hosts in History(tmp_path / ".windlass").runs()] == [again["run"], document["run"]]
    assert all(0 <= run.seconds < 3600 for run, _hosts in History(tmp_path / ".windlass").runs())
    until(lambda: not any(agents(host) for host in hosts.values()))


RUNNER = """
import json, sys
from pathlib import Path
from windlass import events
from windlass.hosts import line
from windlass.hosts.many import fleet
from windlass.hosts.common.target import Target
from windlass.operations.command import Run
from windlass.operations.wire import Batch

line.SILENCE_LIMIT, fleet.PING_EVERY = 8.0, 0.3
described = json.loads(sys.argv[1])
paths = {name: Path(described.pop(name)) for name in ("private_key", "known_hosts")}
targets = [Target(name=name, address=address, user=described["user"], grace_seconds=12.0, connect_seconds=10.0, **paths)
           for name, address in described["hosts"].items()]

def told(event):
    if isinstance(event, events.OperationStarted) and event.host == "broken":
        print("begun", flush=True)

work = Batch((Run(command="echo one >> /root/chaos/ran; sleep 4"), Run(command="echo two >> /root/chaos/ran")))
with fleet.Fleet(targets, told) as both:
    outcomes = both.run(dict.fromkeys(described["hosts"], work))
print(json.dumps({host: error.message for host, error in fleet.errors_of(outcomes).items()}))
"""


def test_silence_has_its_limit_when_the_clock_goes_back(hosts: dict[str, TestHost], clock: Clock, tmp_path: Path) -> None:
    """One host's link is cut, and the clock goes back by years: that host fails after the seconds that pass, the other is done."""
    broken = hosts["broken"]
    described = {
        "hosts": {name: host.target.address for name, host in hosts.items()},
        "user": broken.target.user,
        "private_key": str(broken.target.private_key),
        "known_hosts": str(broken.target.known_hosts),
    }
    words = [sys.executable, "-c", RUNNER, json.dumps(described)]
    around = surroundings(tmp_path) | clock.surroundings | {"PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(words, env=around, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        lab.cut_link(broken.machine)
        clock.jump(YEARS["behind"])
        try:
            failed = json.loads(process.communicate(timeout=300)[0])
        finally:
            process.kill()
            lab.mend_link(broken.machine)

    assert list(failed) == ["broken"]
    assert "has said nothing for 8 s, and could not be taken up again" in failed["broken"]
    assert lines(hosts["other"], "ran") == ["one", "two"]
    until(lambda: agents(broken) == [])
    assert lines(broken, "ran") in (["one"], ["one", "two"])
