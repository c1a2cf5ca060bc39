"""W4: the 25 operations, unchanged, and a deploy over 50 ms of round trip, and how often each contender waits for a host.

The floors are what no client can be faster than: OpenSSH and bare Paramiko that log in and run `true` on all hosts at once.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from benchmarks.peers import converge, deploying
from benchmarks.peers.ground import ROOT, At, Ground
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


def measure(ground: Ground, wanted: argparse.Namespace, found: Found) -> None:
    """All contenders and the floors take turns, first at the 25 operations, then at a deploy."""
    hosts = ground.hosts[: min(MOST, max(wanted.hosts))]
    who = converge.contenders(wanted)
    with far_away(ground, hosts) as distant:
        _converge(ground, distant, who, wanted, found)
        _deploy(ground, distant, [name for name in who if name in deploying.CONTENDERS], wanted.rounds, found)


def _converge(ground: Ground, distant: Distant, who: Sequence[str], wanted: argparse.Namespace, found: Found) -> None:
    case = f"unchanged@{len(distant.places)}"
    for contender in who if "W1" not in wanted.only else ():  # after W1 the hosts are as they should be for all of them
        converge.run_one(ground, distant.places, contender, None, case)
    for _ in range(wanted.rounds):
        for contender in (*who, *converge.FLOORS):
            distant.flights()
            converge.run_one(ground, distant.places, contender, found, case)
            found.trips[case][contender] = round(distant.flights(), 1)


def _deploy(ground: Ground, distant: Distant, who: Sequence[str], rounds: int, found: Found) -> None:
    """A new release each time; the first one, which finds nothing there, does not count."""
    case = f"deploy@{len(distant.places)}"
    deploying.lay_out()
    prepared = cost_of(deploying.windlass(ground, distant.places, "", "setup"))
    if prepared.status:
        found.failed[case]["windlass"] = prepared.output[-400:]
    for number in range(rounds + 1):
        for contender in who:
            job = deploying.CONTENDERS[contender](ground, distant.places, deploying.new_version())
            distant.flights()
            with ground.counted() as carried:
                cost = cost_of(job)
            if number:
                found.add(case, contender, Measured(cost, *carried))
                found.trips[case][contender] = round(distant.flights(), 1)
