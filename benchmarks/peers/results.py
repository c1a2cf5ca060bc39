"""What was found: medians, ratios (the peer's median divided by ours), a table for people."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.peers.meter import Cost

OURS = "windlass"
COLUMNS = (
    "wall",
    "ratio",
    "controller CPU",
    "CPU of a host",
    "peak memory",
    "sent to / received from a host",
    "round trips",
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one contender. Bytes are of all hosts together."""

    cost: Cost
    up: int = 0
    down: int = 0


@dataclass
class Found:
    """All runs of a workload by case (such as `unchanged@8`) and contender, and what failed."""

    workload: str
    measured: dict[str, dict[str, list[Measured]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    memory: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    failed: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    more: dict[str, dict[str, float]] = field(default_factory=dict)
    trips: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, case: str, contender: str, measured: Measured, *, fine: bool = True) -> None:
        """Keep a run. One that failed is not a figure; its last words are kept instead."""
        cost = measured.cost
        print(
            f"{self.workload} {case} {contender}: {cost.seconds:.2f} s, {cost.processor:.2f} s CPU, exit {cost.status}", flush=True
        )
        if cost.status or not fine:
            self.failed[case][contender] = cost.output[-400:]
            print(cost.output[-1500:], flush=True)
        else:
            self.measured[case][contender].append(measured)

    def remember(self, case: str, contender: str, cost: Cost | None) -> None:
        """Keep the peak of memory of a run that does not count otherwise: to look at it takes time."""
        if cost and not cost.status:
            self.memory[case][contender] = cost.mebibytes

    def seen(self, case: str, contender: str) -> dict[str, float]:
        """What was looked at in a run that does not count otherwise."""
        looks = {"mebibytes": self.memory, "round_trips": self.trips}
        return {name: kept[case][contender] for name, kept in looks.items() if contender in kept.get(case, {})}

    def medians(self, case: str, contender: str) -> dict[str, float]:
        runs = self.measured[case][contender]
        figures = {
            "seconds": statistics.median(each.cost.seconds for each in runs),
            "processor": statistics.median(each.cost.processor for each in runs),
            "others": statistics.median(each.cost.others for each in runs),
            "up": statistics.median(each.up for each in runs),
            "down": statistics.median(each.down for each in runs),
        }
        return {name: round(value, 3) for name, value in figures.items()}

    def ratios(self) -> dict[str, dict[str, float]]:
        """By key: the case `unchanged@1` of W1 is `W1@1`, and `W1`, too; controller CPU has `cpu` before it."""
        found = dict(self.more)
        for case, contenders in self.measured.items():
            if not contenders.get(OURS):
                continue
            ours = self.medians(case, OURS)
            for contender in contenders:
                if contender == OURS or not contenders[contender]:
                    continue
                theirs = self.medians(case, contender)
                for key in _keys(self.workload, case):
                    found.setdefault(key, {})[contender] = round(theirs["seconds"] / ours["seconds"], 1)
                    found.setdefault(f"{key} cpu", {})[contender] = round(theirs["processor"] / max(ours["processor"], 0.001), 1)
        return found

    def document(self, machine: str) -> dict[str, Any]:
        """Everything that was found, for the file."""
        cases = {
            case: {
                contender: {
                    **self.medians(case, contender),
                    "runs": [round(each.cost.seconds, 3) for each in runs],
                    **self.seen(case, contender),
                }
                for contender, runs in contenders.items()
                if runs
            }
            for case, contenders in self.measured.items()
        }
        return {"machine": machine, "cases": cases, "failed": {case: dict(who) for case, who in self.failed.items()}}


def merged(path: Path, found: Found, machine: str) -> dict[str, Any]:
    """The file's document of this workload with what was found: cases that were not measured now stay as they are.

    Where runs were only looked at (no rounds), what was seen is added to the figures that are there.
    """
    known = _read(path).get(f"peers {found.workload}", {})
    new = found.document(machine)
    cases = {**known.get("cases", {}), **{case: who for case, who in new["cases"].items() if who}}
    for case in (*found.memory, *found.trips):
        if not found.measured.get(case):
            cases[case] = {who: {**own, **found.seen(case, who)} for who, own in cases.get(case, {}).items()}
    in_order = dict(sorted(cases.items(), key=lambda each: (_hosts(each[0]), not each[0].startswith("first"))))
    return {"machine": machine, "cases": in_order, "failed": {**known.get("failed", {}), **new["failed"]}}


def table(workload: str, document: Mapping[str, Any]) -> str:
    """A table for each case of a document, ours first; a column that would be empty is left out."""
    parts = []
    for case in dict.fromkeys([*document["cases"], *document["failed"]]):
        contenders = document["cases"].get(case, {})
        rows = {who: _row(case, who, contenders) for who in contenders}
        columns = [name for name in COLUMNS if any(name in row for row in rows.values())] or [*COLUMNS[:1]]
        lines = [_line("what", columns), "|" + "---|" * (len(columns) + 1)]
        lines += [_line(who, [row.get(name, "") for name in columns]) for who, row in rows.items()]
        failed = [who for who in document["failed"].get(case, ()) if who not in contenders]
        lines += [_line(who, ["failed", *[""] * (len(columns) - 1)]) for who in failed]
        parts.append(f"**{workload}, {_spoken(case)}**\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def _line(who: str, cells: Sequence[str]) -> str:
    return "| " + " | ".join([who, *cells]) + " |"


def _row(case: str, who: str, contenders: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """What is known of a contender, by column."""
    own, ours, hosts = contenders[who], contenders.get(OURS), _hosts(case)
    known = {
        "wall": f"{own['seconds']:.2f} s",
        "ratio": f"{own['seconds'] / ours['seconds']:.1f}" if ours else "",
        "controller CPU": f"{own['processor']:.2f} s",
        "CPU of a host": f"{own['others'] / hosts:.2f} s" if own["others"] else "",
        "peak memory": f"{own['mebibytes']:.0f} MiB" if "mebibytes" in own else "",
        "sent to / received from a host": f"{own['up'] / hosts / 1000:.0f} / {own['down'] / hosts / 1000:.0f} kB"
        if own["up"]
        else "",
        "round trips": f"{own['round_trips']:.0f}" if "round_trips" in own else "",
    }
    return {name: cell for name, cell in known.items() if cell}


def _hosts(case: str) -> int:
    return int(case.rpartition("@")[2]) if "@" in case else 1


def _read(path: Path) -> dict[str, Any]:
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return known


def merged_ratios(path: Path, found: Found) -> dict[str, Mapping[str, float]]:
    """The ratios in the file, those of this workload replaced."""
    known: dict[str, Mapping[str, float]] = _read(path).get("ratios", {})
    return dict(sorted({**known, **found.ratios()}.items()))


def _keys(workload: str, case: str) -> Sequence[str]:
    name, _, hosts = case.partition("@")
    key = workload if name == "unchanged" else f"{workload} {name}"
    return [f"{key}@{hosts}", *([key] if hosts == "1" else [])] if hosts else [key]


def _spoken(case: str) -> str:
    name, _, hosts = case.partition("@")
    return f"{name}, {hosts} host{'s' if hosts != '1' else ''}" if hosts else name
