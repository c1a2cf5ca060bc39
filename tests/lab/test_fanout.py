"""Many hosts at once, on many addresses of one host: one of them stuck, several workers, a worker that dies."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.clusters import Protocol, dask_cluster
from windlass import events, lab
from windlass.flows.commit import confirmer
from windlass.hosts.common.target import Target
from windlass.hosts.many.crew import Hands, crew_of
from windlass.hosts.many.fleet import Fleet, errors_of
from windlass.operations.command import Run
from windlass.operations.wire import Batch
from windlass.testing.lab import shell
from windlass.values import new_run_id

pytestmark = pytest.mark.lab

MANY = 200


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[lab.LabHost, tuple[Target, ...]]]:
    root = tmp_path_factory.mktemp("labs")
    running = lab.up(lab.LabSpec("fanout", (lab.HostSpec("many", user="root"),)), root=root, say=_silent)
    try:
        made = lab.spread(running, "many", MANY)
        yield running.hosts["many"], tuple(target_of(running, each) for each in made)
    finally:
        lab.down("fanout", root=root, say=_silent)


def target_of(running: lab.Lab, host: lab.LabHost) -> Target:
    """Whoever has two hundred logins handled by one busy machine has patience."""
    known = Path(running.known_hosts)
    return Target(
        name=host.name,
        address=host.address,
        user=host.user,
        port=host.port,
        private_key=running.private_key,
        known_hosts=known,
        connect_seconds=120.0,
    )


def _silent(_line: str) -> None:
    """Tests read results."""


# Stops the sshd that serves this very login.
STOP_MY_SSHD = """p=$$
while test "$(cat /proc/$p/comm)" != sshd; do p=$(ps -o ppid= -p $p | tr -d ' '); done
kill -STOP $p
echo $p > /run/stopped"""


@pytest.mark.parametrize("moment", ["before the login", "in the middle"])
def test_one_stopped_sshd_among_many_delays_nobody(moment: str, machine: tuple[lab.LabHost, tuple[Target, ...]]) -> None:
    host, targets = machine[0], machine[1][:32]
    stuck, others = targets[7], {target.name for target in targets} - {targets[7].name}
    done: set[str] = set()
    before = moment == "before the login"

    def told(event: events.Event) -> None:
        if isinstance(event, events.HostEnded) and event.host != stuck.name:
            done.add(event.host)
            if done == others:  # only now, and still the run is not over: nobody waited for the stuck one
                shell(host, "until test -s /run/stopped; do sleep 0.05; done; kill -CONT $(cat /run/stopped)")

    shell(host, "rm -f /run/stopped")
    if before:
        shell(host, f"cp /run/spread/{stuck.address}.pid /run/stopped; kill -STOP $(cat /run/stopped)")
    batches = {target.name: Batch((Run(command="true", changed=False),)) for target in targets}
    if not before:
        batches[stuck.name] = Batch((Run(command=STOP_MY_SSHD, changed=False),))
    with Fleet(targets, told) as crew:
        failed = errors_of(crew.run(batches))

    assert done == others
    assert set(failed) <= {stuck.name}  # on a slow machine it may have waited too long


class Heard:
    """What a listener heard; something may be done when the first host has ended, or the first operation has begun."""

    def __init__(self, at_end: Callable[[], None] | None = None, at_start: Callable[[], None] | None = None) -> None:
        self.ended: set[str] = set()
        self.operations: dict[str, int] = {}
        self.notes: list[str] = []
        self._lock = threading.Lock()
        self._at = {events.HostEnded: at_end, events.OperationStarted: at_start}

    def __call__(self, event: events.Event) -> None:
        with self._lock:
            if isinstance(event, events.HostEnded):
                self.ended.add(event.host)
            elif isinstance(event, events.OperationEnded):
                self.operations[event.host] = self.operations.get(event.host, 0) + 1
            elif isinstance(event, events.Note):
                self.notes.append(event.text)
            if act := self._at.pop(type(event), None):
                act()


@dataclass(frozen=True)
class Once:
    """Something to do on each of the targets that leaves a line for each time it is done; all of them are one machine."""

    host: lab.LabHost
    targets: tuple[Target, ...]
    folder: str

    def batches(self) -> dict[str, Batch]:
        shell(self.host, f"mkdir -p {self.folder}")
        return {target.name: Batch((self._mark(target.name),), journal=new_run_id()) for target in self.targets}

    def _mark(self, name: str) -> Run:
        file = f"{self.folder}/{name}"
        return Run(command=f"sleep 0.1; tr '\\0' ' ' < /proc/$PPID/cmdline >> {file}; echo >> {file}", unless=f"test -s {file}")

    def lines(self) -> dict[str, int]:
        """How often it was done for each."""
        found = [line.split() for line in shell(self.host, f"cd {self.folder}; wc -l *").splitlines()]
        return {name: int(count) for count, name in found if name != "total"}

    def callers(self) -> set[str]:
        """The processes that did it."""
        return set(re.findall(r"windlass for \S+ pid (\d+)", shell(self.host, f"cat {self.folder}/*")))


def test_processes_share_the_hosts(machine: tuple[lab.LabHost, tuple[Target, ...]]) -> None:
    host, targets = machine
    once, told = Once(host, targets[:8], "/srv/shared"), Heard()
    with crew_of(Hands(workers=2), once.targets, told, confirmer) as crew:
        outcomes = crew.run(once.batches())
        trips = dict(crew.round_trips)

    assert not errors_of(outcomes)
    assert once.lines() == {target.name: 1 for target in once.targets}
    assert len(once.callers()) == 2
    assert set(trips) == {target.name for target in once.targets}
    assert told.ended == trips.keys()


def test_a_worker_process_that_is_killed_is_followed_by_another_and_each_host_is_done_once(
    machine: tuple[lab.LabHost, tuple[Target, ...]],
) -> None:
    host, targets = machine
    once = Once(host, targets[:24], "/srv/killed")
    told = Heard(lambda: os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL))
    with crew_of(Hands(workers=2), once.targets, told, confirmer) as crew:
        outcomes = crew.run(once.batches())

    assert not errors_of(outcomes)
    assert once.lines() == {target.name: 1 for target in once.targets}
    assert told.operations == dict.fromkeys(once.lines(), 1)
    assert any("a worker died" in note for note in told.notes)


def test_ctrl_c_ends_what_worker_processes_are_at_and_begins_nothing_more(
    machine: tuple[lab.LabHost, tuple[Target, ...]],
) -> None:
    host, targets = machine
    long = Batch((Run(command="sleep 10"), Run(command="touch /srv/too-far")))
    told = Heard(at_start=lambda: os.kill(os.getpid(), signal.SIGINT))
    with crew_of(Hands(workers=2), targets[:4], told, confirmer) as crew, pytest.raises(KeyboardInterrupt):
        crew.run({target.name: long for target in targets[:4]})

    assert "too-far" not in shell(host, "ls /srv")


@pytest.mark.parametrize(("cluster", "count"), [("tls", MANY), ("tcp", 8)])
def test_a_dask_worker_that_is_killed_is_followed_by_another_and_each_host_is_done_once(
    machine: tuple[lab.LabHost, tuple[Target, ...]], cluster: Protocol, count: int, tmp_path: Path
) -> None:
    """Over TLS as Dask is configured for it, and over plain TCP within this machine."""
    host, targets = machine
    once = Once(host, targets[:count], f"/srv/dask-{cluster}")
    with dask_cluster(tmp_path, cluster) as dask:
        told = Heard(dask.workers[0].kill)
        with crew_of(Hands(executor=dask.url), once.targets, told, confirmer) as crew:
            outcomes = crew.run(once.batches())

    assert not errors_of(outcomes)
    assert once.lines() == {target.name: 1 for target in once.targets}
    assert told.ended == set(once.lines())
    assert told.operations == dict.fromkeys(once.lines(), 1)
