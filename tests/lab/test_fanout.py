"""Many hosts at once, on many addresses of one host: a stuck one among them delays nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from windlass import events, lab
from windlass.hosts.fleet import Fleet, errors_of
from windlass.hosts.target import Target
from windlass.operations.command import Run
from windlass.operations.wire import Batch
from windlass.values import Command

pytestmark = pytest.mark.lab

MANY = 32


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
    known = Path(running.known_hosts)
    return Target(
        name=host.name, address=host.address, user=host.user, port=host.port, private_key=running.private_key, known_hosts=known
    )


def _silent(_line: str) -> None:
    """Tests read results."""


def inside(host: lab.LabHost, script: str) -> str:
    answer = lab.run_inside(host, Command.of("/bin/sh", "-ec", script))
    assert answer.code == 0, answer.stderr.decode()
    return answer.text


# Stops the sshd that serves this very login.
STOP_MY_SSHD = """p=$$
while test "$(cat /proc/$p/comm)" != sshd; do p=$(ps -o ppid= -p $p | tr -d ' '); done
echo $p > /run/stopped
kill -STOP $p"""


@pytest.mark.parametrize("moment", ["before the login", "in the middle"])
def test_one_stopped_sshd_among_many_delays_nobody(moment: str, machine: tuple[lab.LabHost, tuple[Target, ...]]) -> None:
    host, targets = machine
    stuck, others = targets[7], {target.name for target in targets} - {targets[7].name}
    done: set[str] = set()
    before = moment == "before the login"

    def told(event: events.Event) -> None:
        if isinstance(event, events.HostEnded) and event.host != stuck.name:
            done.add(event.host)
            if done == others:  # only now, and still the run is not over: nobody waited for the stuck one
                inside(host, "kill -CONT $(cat /run/stopped)")

    if before:
        inside(host, f"cp /run/spread/{stuck.address}.pid /run/stopped; kill -STOP $(cat /run/stopped)")
    batches = {target.name: Batch((Run(command="true", changed=False),)) for target in targets}
    if not before:
        batches[stuck.name] = Batch((Run(command=STOP_MY_SSHD, changed=False),))
    with Fleet(targets, told) as crew:
        failed = errors_of(crew.run(batches))

    assert done == others
    assert set(failed) <= {stuck.name}  # on a slow machine it may have waited too long
