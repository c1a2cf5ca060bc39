"""W4: the 25 operations, unchanged, over 50 ms of round trip, and how often each contender waits for a host.

The floor is what no client can be faster than: OpenSSH that logs in and runs `true`, curve25519, on all hosts at once.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from benchmarks.peers import converge
from benchmarks.peers.ground import ROOT, At, Ground
from benchmarks.peers.meter import Job
from benchmarks.peers.meter import measure as cost_of
from benchmarks.peers.results import Found, Measured

MILLISECONDS = 50
MOST = 4  # hosts


@dataclass(frozen=True, slots=True)
class Distant:
    """Hosts behind the proxy, and the proxy."""

    places: tuple[At, ...]
    process: subprocess.Popen[str]

    def flights(self) -> float:
        """Turns of the flow since the last call, for a host on average."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        counts = [int(word.rpartition("=")[2]) for word in self.process.stdout.readline().split()]
        return sum(counts) / len(self.places)


@contextlib.contextmanager
def far_away(ground: Ground, hosts: Sequence[At]) -> Iterator[Distant]:
    """These hosts at 50 ms for as long as the block lasts."""
    places = tuple(replace(at, address="127.0.0.1", port=_free_port()) for at in hosts)
    lines = [f"{near.port}:{at.address}:{at.port}" for near, at in zip(places, hosts, strict=True)]
    command = [sys.executable, "-m", "benchmarks.peers.proxy", str(MILLISECONDS), *lines]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        process.stdout.readline()
        ground.know((*ground.hosts, *places))
        yield Distant(places, process)
    finally:
        process.kill()
        process.wait()
        ground.know(ground.hosts)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def floor(ground: Ground, places: Sequence[At]) -> Job:
    """`true` through OpenSSH on all of them at once."""
    own = f"-i {ground.key} -o UserKnownHostsFile={ground.known_hosts} -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes"
    calls = [f"ssh -F none {converge.KEX} {own} -p {at.port} {at.user}@{at.address} true &" for at in places]
    return Job(command=["/bin/sh", "-c", "\n".join([*calls, "wait"])], folder=converge.PROJECT)


def measure(ground: Ground, wanted: argparse.Namespace, found: Found) -> None:
    """All contenders and the floor take turns."""
    hosts = ground.hosts[: min(MOST, max(wanted.hosts))]
    case = f"unchanged@{len(hosts)}"
    who = converge.contenders(wanted)
    with far_away(ground, hosts) as distant:
        for contender in who if "W1" not in wanted.only else ():  # after W1 the hosts are as they should be for all of them
            converge.run_one(ground, distant.places, contender, None, case)
        for _ in range(wanted.rounds):
            for contender in who:
                distant.flights()
                converge.run_one(ground, distant.places, contender, found, case)
                found.trips[case][contender] = round(distant.flights(), 1)
            cost = cost_of(floor(ground, distant.places))
            found.add(case, "OpenSSH true (floor)", Measured(cost))
            found.trips[case]["OpenSSH true (floor)"] = round(distant.flights(), 1)
