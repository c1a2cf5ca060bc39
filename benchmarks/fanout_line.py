"""What `true` on many hosts sends, and how often it waits for a host: a part of W2 that is looked at in runs of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.peers.far import NEAR, at_own_addresses
from benchmarks.peers.ground import At, counted
from benchmarks.peers.meter import Job, measure
from windlass import lab

HOSTS = 8
Seen = Mapping[str, Mapping[str, float]]


def on_the_line(running: lab.Lab, addresses: list[str], plan: Mapping[str, Any], jobs: Mapping[str, Callable[[Path], Job]]) -> Seen:
    """For each contender, for a host: bytes to and from it, and round trips. `plan` is what contenders are given."""
    folder = Path(plan["folder"])
    places = [At(address, address, 22, "root") for address in addresses[:HOSTS]]
    found = {}
    with at_own_addresses(places, NEAR) as distant:
        near = [each.address for each in distant.places]
        key = next(line.split(maxsplit=1)[1] for line in running.known_hosts.read_text().splitlines() if places[0].address in line)
        known = folder / "known_near"  # they are one container, and so have one key
        known.write_text("".join(f"{address} {key}\n" for address in near))
        own = folder / "near.json"
        own.write_text(json.dumps({**plan, "addresses": near, "known_hosts": str(known)}))
        for name, job in jobs.items():
            distant.flights()
            with counted(running.gateway) as carried:
                cost = measure(job(own))
            if not cost.status:
                up, down = (each / len(places) for each in carried)
                found[name] = {"up": round(up), "down": round(down), "round_trips": distant.flights()}
            else:
                print(name, cost.output[-600:], flush=True)
    return found


def table(seen: Seen) -> str:
    """For people."""
    lines = ["| for a host, of eight | sent / received | round trips |", "|---|---|---|"]
    for name, own in seen.items():
        size = f"{own['up'] / 1000:.1f} / {own['down'] / 1000:.1f} kB"
        lines.append(f"| {name.replace('_', ' ')} | {size} | {own['round_trips']:.0f} |")
    return "\n".join(lines)
