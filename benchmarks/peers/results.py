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
                    **({"mebibytes": self.memory[case][contender]} if contender in self.memory[case] else {}),
                    **({"round_trips": self.trips[case][contender]} if contender in self.trips[case] else {}),
                }
                for contender, runs in contenders.items()
                if runs
            }
            for case, contenders in self.measured.items()
        }
        return {"machine": machine, "cases": cases, "failed": {case: dict(who) for case, who in self.failed.items()}}

    def table(self) -> str:
        """A table for each case, ours first."""
        parts = []
        for case in dict.fromkeys([*self.measured, *self.failed]):
            contenders = [who for who, runs in self.measured[case].items() if runs]
            lines = [
                "| | wall | ratio | controller CPU | CPU of a host | peak memory | sent to / received from a host | round trips |",
                "|---|---|---|---|---|---|---|---|",
            ]
            lines += [self._row(case, who) for who in contenders]
            lines += [f"| {who} | failed | | | | | | |" for who in self.failed[case] if who not in contenders]
            parts.append(f"**{self.workload}, {_spoken(case)}**\n\n" + "\n".join(lines))
        return "\n\n".join(parts)

    def _row(self, case: str, who: str) -> str:
        own = self.medians(case, who)
        ours = self.measured[case].get(OURS)
        ratio = f"{own['seconds'] / self.medians(case, OURS)['seconds']:.1f}" if ours else ""
        memory = f"{self.memory[case][who]:.0f} MiB" if who in self.memory[case] else ""
        hosts = int(case.rpartition("@")[2]) if "@" in case else 1
        carried = f"{own['up'] / hosts / 1000:.0f} / {own['down'] / hosts / 1000:.0f} kB" if own["up"] else ""
        trips = f"{self.trips[case][who]:.0f}" if who in self.trips[case] else ""
        others = f"{own['others'] / hosts:.2f} s" if own["others"] else ""
        cost = f"{own['seconds']:.2f} s | {ratio} | {own['processor']:.2f} s | {others}"
        return f"| {who} | {cost} | {memory} | {carried} | {trips} |"


def merged_ratios(path: Path, found: Found) -> dict[str, Mapping[str, float]]:
    """The ratios in the file, those of this workload replaced."""
    known: dict[str, Mapping[str, float]] = json.loads(path.read_text(encoding="utf-8")).get("ratios", {}) if path.exists() else {}
    return dict(sorted({**known, **found.ratios()}.items()))


def _keys(workload: str, case: str) -> Sequence[str]:
    name, _, hosts = case.partition("@")
    key = workload if name == "unchanged" else f"{workload} {name}"
    return [f"{key}@{hosts}", *([key] if hosts == "1" else [])] if hosts else [key]


def _spoken(case: str) -> str:
    name, _, hosts = case.partition("@")
    return f"{name}, {hosts} host{'s' if hosts != '1' else ''}" if hosts else name
