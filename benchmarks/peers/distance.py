"""W4: the 25 operations, unchanged, and a deploy over 50 ms of round trip, and how often each contender waits for a host.

The floors are what no client can be faster than: OpenSSH and bare Paramiko that log in and run `true` on all hosts at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks.peers import converge, deploying
from benchmarks.peers.far import Distant, far_away
from benchmarks.peers.ground import Ground
from benchmarks.peers.meter import measure as cost_of
from benchmarks.peers.results import Found, Measured

MILLISECONDS = 50
MOST = 4  # hosts


def measure(ground: Ground, wanted: argparse.Namespace, found: Found) -> None:
    """All contenders and the floors take turns, first at the 25 operations, then at a deploy."""
    hosts = ground.hosts[: min(MOST, max(wanted.hosts))]
    who = converge.contenders(wanted)
    with far_away(ground, hosts, MILLISECONDS) as distant:
        _converge(ground, distant, who, wanted, found)
        _deploy(ground, distant, [name for name in who if name in deploying.CONTENDERS], wanted.rounds, found)


def _converge(ground: Ground, distant: Distant, who: Sequence[str], wanted: argparse.Namespace, found: Found) -> None:
    case = f"unchanged@{len(distant.places)}"
    for contender in who:  # the run before those that count
        cost = converge.run_one(ground, distant.places, contender, None, case, sample=converge.sample_of(contender))
        found.remember(case, contender, cost)
    for _ in range(wanted.rounds):
        for contender in (*who, *converge.FLOORS):
            distant.flights()
            converge.run_one(ground, distant.places, contender, found, case)
            found.trips[case][contender] = distant.flights()


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
                cost = cost_of(job, sample=0.0 if number else converge.sample_of(contender))
            if not number:
                found.remember(case, contender, cost)
            else:
                found.add(case, contender, Measured(cost, *carried))
                found.trips[case][contender] = distant.flights()
