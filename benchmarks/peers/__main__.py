"""Measures Windlass beside its peers and writes the ratios to docs/benchmarks.json and the tables to docs/benchmarks.md.

    python -m benchmarks.peers                               1 and 8 hosts, three rounds: about a quarter of an hour
    python -m benchmarks.peers --only W1 --hosts 32          an hour: Ansible takes its time; with --unchanged half of it
    python -m benchmarks.peers --rounds 0                    memory and round trips only; the seconds stay as they are
    python -m benchmarks.peers --only W1 --hosts 1 --rounds 1 --peers ansible,fabric --dry
    python -m benchmarks.peers --down                        take the lab down

The peers take turns within each round, so that whatever else the machine does falls on all of them. A peer that fails is
reported as failed and the others go on; what was measured is written after each workload, and what was not stays as it is.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.figures import merge, rewrite
from benchmarks.peers import converge, distance, results, startup, transfer
from benchmarks.peers.ground import ROOT, Ground, take_down
from benchmarks.peers.results import Found

Wanted = argparse.Namespace
WORKLOADS: Mapping[str, Callable[[Ground, Wanted, Found], None]] = {
    "W1": converge.measure,
    "W3": transfer.measure,
    "W4": distance.measure,
    "W5": startup.measure,
}


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def _words(text: str) -> list[str]:
    return text.split(",")


def _wanted() -> Wanted:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description="Measure Windlass beside its peers.")
    parser.add_argument("--only", type=_words, default=list(WORKLOADS), help=f"of {', '.join(WORKLOADS)}")
    parser.add_argument("--hosts", type=_numbers, default=[1, 8], help="how many, as in 1,8,32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", type=_words, default=list(converge.CONTENDERS), help="only these besides ours")
    parser.add_argument("--unchanged", action="store_true", help="of W1 only runs that find all as it should be")
    parser.add_argument("--first", action="store_true", help="of W1 only runs on blank hosts")
    parser.add_argument("--dry", action="store_true", help="print only, write nothing into docs/")
    parser.add_argument("--down", action="store_true", help="take the lab down and do nothing else")
    return parser.parse_args()


def main() -> None:
    wanted = _wanted()
    if wanted.down:
        take_down()
        return
    ground = Ground(max(wanted.hosts))
    converge.lay_out()
    for name in wanted.only:
        found = Found(name)
        try:
            WORKLOADS[name](ground, wanted, found)
        except Exception as error:
            sys.stderr.write(f"{name}: {type(error).__name__}: {error}\n")
        _keep(found, dry=wanted.dry)


def _keep(found: Found, *, dry: bool) -> None:
    print(results.table(found.workload, found.document(_machine())))
    if dry or not (found.measured or found.memory or found.trips):
        return
    figures = ROOT / "docs" / "benchmarks.json"
    document = results.merged(figures, found, _machine())
    merge(figures, {"ratios": results.merged_ratios(figures, found), f"peers {found.workload}": document})
    page: Path = ROOT / "docs" / "benchmarks.md"
    rewrite(page, found.workload, results.table(found.workload, document))


def _machine() -> str:
    return f"{platform.machine()}, Linux {platform.release()}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
