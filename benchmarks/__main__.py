"""Measures what the README claims, on the lab's five hosts, and writes docs/benchmarks.json.

    make bench                        all of it, about five minutes
    python -m benchmarks --rounds 2   fewer rounds, for trying it out
    python -m benchmarks --only edge  one part; the figures of the others stay as they are in the file

Every command is run as a person runs it, as a process of its own; times are wall times of the whole command.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import edge
from benchmarks.figures import merge, spread
from demo.commands import ENVIRONMENT, Windlass
from demo.generator import Load
from demo.site import Site
from demo.stage import APP, NAME
from demo.versions import TAGS, make_versions
from windlass import lab
from windlass.flows.twin import labs_folder

PROJECT = Path(__file__).resolve().parent.parent


def raise_lab(windlass: Windlass) -> Site:
    """Hosts that are set up and serve version 1; gives the site."""
    windlass.run("lab.up", "lab.up")
    windlass.run("setup", "setup")
    make_versions(PROJECT)
    windlass.run("deploy", "deploy", *APP, "--ref", TAGS[0])
    running = lab.load(ENVIRONMENT, root=labs_folder(PROJECT))
    return Site((f"http://{running.hosts['web1'].address}/",), NAME)


def lost_requests(windlass: Windlass, site: Site, rounds: int) -> dict[str, Any]:
    """Deploys and rollbacks in turn while 50 keep-alive connections keep asking."""
    after, switches = [], []
    with Load(site) as load:
        for _ in range(rounds):
            done = windlass.run("deploy", "deploy", *APP, "--ref", TAGS[1], "--force")["result"]
            back = windlass.run("rollback", "rollback", *APP)["result"]
            after.append(back["switched_after"])
            switches += [*done["switch_milliseconds"].values(), *back["switch_milliseconds"].values()]
    figures = load.figures
    return {
        "deploys": rounds,
        "rollbacks": rounds,
        "connections": figures["connections"],
        "requests": figures["requests"],
        "lost": figures["lost"],
        "losses": figures["losses"],
        "rollback_under_load_seconds": spread(after),
        "switch_milliseconds": spread(switches),
    }


def rollbacks(windlass: Windlass, rounds: int) -> dict[str, Any]:
    """From the Enter key to the last host switched, to the warm slot, nobody else asking anything of the machine."""
    after = []
    for _ in range(rounds):
        windlass.run("deploy", "deploy", *APP, "--ref", TAGS[1], "--force")
        after.append(windlass.run("rollback", "rollback", *APP)["result"]["switched_after"])
    return {"rounds": rounds, "seconds": spread(after)}


def nothing_to_do(windlass: Windlass, rounds: int) -> dict[str, Any]:
    """Commands that find everything as it should be: whole wall time, and how often each host was waited for."""
    deploys, setups = [], []
    for _ in range(rounds):
        deployed = windlass.run("unchanged deploy", "deploy", *APP, "--ref", TAGS[0])["result"]
        deploys.append(windlass.seconds["unchanged deploy"])
        set_up = windlass.run("unchanged setup", "setup")["hosts"]
        setups.append(windlass.seconds["unchanged setup"])
    assert not deployed["changed"]
    assert not any(host.get("changed", 0) for host in set_up.values())
    return {
        "deploy": {"hosts": 2, "seconds": spread(deploys), "round_trips": deployed["round_trips"]},
        "setup": {
            "hosts": len(set_up),
            "operations": sum(int(host.get("ok", 0)) for host in set_up.values()),
            "seconds": spread(setups),
            "round_trips": {name: host["round_trips"] for name, host in set_up.items()},
        },
    }


def core(rounds: int) -> dict[str, Any]:
    """Deploys, rollbacks, and commands with nothing to do."""
    windlass = Windlass(PROJECT)
    site = raise_lab(windlass)
    return {
        "nothing_to_do": nothing_to_do(windlass, rounds),
        "rollback": rollbacks(windlass, rounds),
        "lost_requests": lost_requests(windlass, site, rounds),
        "machine": {"cpus": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()},
    }


def main() -> None:
    parts: Mapping[str, Callable[[int], dict[str, Any]]] = {"core": core, "edge": lambda _rounds: {"edge": edge.measure()}}
    parser = argparse.ArgumentParser(description="Measure Windlass on the lab's hosts.")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--only", choices=list(parts), help="this part alone")
    parser.add_argument("--out", type=Path, default=PROJECT / "docs" / "benchmarks.json")
    chosen = parser.parse_args()
    found: dict[str, Any] = {}
    for name in [chosen.only] if chosen.only else parts:
        found |= parts[name](chosen.rounds)
    merge(chosen.out, found)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
