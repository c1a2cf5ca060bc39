"""What measurements of backups come to: ratios, and the words for docs/benchmarks.md."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping
from typing import Any

from benchmarks.backup_host import OTHERS, STAGES

PARAMIKO = "windlass by paramiko"
BUCKET = "windlass, into a bucket"  # the same, sent by the host to moto's server on the controller, part by part


def ratios(times: Mapping[str, list[float]], spent: Mapping[str, float]) -> dict[str, Any]:
    """Of medians: how much faster than each of the others, and how much slower than the slowest of the bare stages.

    The floor is what the bare stages need of the processor, divided by the cores: no pipe of them all can be faster than that.
    """
    cores = os.cpu_count() or 1
    middle = {name: statistics.median(values) for name, values in times.items()}
    slowest = max(STAGES, key=lambda name: middle[name])
    floor = max(middle[slowest], sum(spent[name] for name in STAGES) / cores)
    return {
        "times_faster_than": {name: round(middle[name] / middle["windlass"], 2) for name in OTHERS},
        "slowest_bare_stage": slowest,
        "percent_above_it": round((middle["windlass"] / middle[slowest] - 1) * 100),
        "cores": cores,
        "floor_seconds": round(floor, 2),
        "percent_above_the_floor": round((middle["windlass"] / floor - 1) * 100),
    }


def told(found: Mapping[str, Any]) -> str:
    """The figures as a person reads them."""
    named = {"windlass": "`windlass backup`, the whole command", PARAMIKO: "the same by Paramiko"} | {
        name: f"`{name}`".replace("|", "\\|") for name in OTHERS
    }
    stored = {PARAMIKO: found["stored_bytes"]["windlass"], **found["stored_bytes"]}
    rows = [f"| {text} | {found['seconds'][name]['median']:.1f} s | {stored[name] / 1e6:.0f} MB |" for name, text in named.items()]
    factors, stages, spent, ratio = found["ratios"]["times_faster_than"], found["seconds"], found["cpu_seconds"], found["ratios"]
    bare = ", ".join(f"`{name}` {stages[name]['median']:.1f} s ({spent[name]:.1f} s of processor)" for name in STAGES)
    faster = ", ".join(f"{factor:.1f} times the speed of `{name}`" for name, factor in factors.items())
    size = f"A database of {found['database_bytes'] / 1e9:.1f} GB (its plain dump: {found['dump_bytes'] / 1e6:.0f} MB)"
    lines = [
        f"{size}, medians of {found['rounds']}:",
        "",
        "| encrypted and verified; of the others restic alone encrypts, and none verifies | wall time | stored |",
        "|---|---|---|",
        *rows,
        "",
        f"That is {faster}. The stages by themselves: {bare};",
        f"the whole command takes {ratio['percent_above_it']} % longer than the slowest of them. They need {ratio['cores']} cores",
        f"for {ratio['floor_seconds']:.1f} s, so no pipe of them all is faster here;",
        f"the command takes {ratio['percent_above_the_floor']} % longer than that,",
        f"and {spent['windlass']:.1f} s of processor on both ends together.",
        f"Straight into a bucket (moto's server, on the same cores), and read back from there: {stages[BUCKET]['median']:.1f} s.",
        f"The controller spends {found['controller_cpu_seconds']['median']:.1f} s of its processor.",
        f"A drill (fetch, start, restore, amcheck, compare every row count) takes {found['drill']['minutes']:.1f} minutes.",
    ]
    return "\n".join(lines)
