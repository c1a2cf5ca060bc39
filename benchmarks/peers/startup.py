"""W5: what a person waits for before anything happens: a list of tasks, a version, the state of one host."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.peers.converge import PROJECT, sample_of, windlass
from benchmarks.peers.ground import ROOT, Ground
from benchmarks.peers.installed import programs
from benchmarks.peers.meter import Job
from benchmarks.peers.meter import measure as cost_of
from benchmarks.peers.results import Found, Measured

OWN = Path(sys.executable).parent
ROUNDS = 3  # for each one that was asked for: these are short


def measure(ground: Ground, wanted: argparse.Namespace, found: Found) -> None:
    """All take turns. The ratio is against `windlass --list`; ours that reaches a host stands in a case of its own."""
    single = windlass(ground, ground.hosts[:1])
    commands: Mapping[str, Callable[[], Job]] = {
        "windlass": lambda: Job(command=[str(OWN / "windlass"), "--list"], folder=PROJECT),
        "invoke (our tasks)": lambda: Job(command=[str(OWN / "invoke"), "--list"], folder=ROOT),
        "inv (no tasks)": lambda: Job(command=[str(OWN / "invoke"), "--version"], folder=PROJECT),
        "ansible": lambda: Job(command=[str(programs("ansible") / "ansible"), "--version"], folder=PROJECT),
        "pyinfra": lambda: Job(command=[str(programs("pyinfra") / "pyinfra"), "--version"], folder=PROJECT),
        "fabric": lambda: Job(command=[str(programs("fabric") / "fab"), "--version"], folder=PROJECT),
    }
    for number in range(ROUNDS * wanted.rounds + 1):
        for name, job in commands.items():
            _keep(found, "start", name, job(), number)
        asked = [*single.command[:1], "status", *single.command[2:]]
        status = Job(command=asked, folder=PROJECT, environment=single.environment)
        _keep(found, "status of one host", "windlass", status, number)


def _keep(found: Found, case: str, name: str, job: Job, number: int) -> None:
    """The first run reads everything from the disk; its memory is looked at."""
    if number:
        found.add(case, name, Measured(cost_of(job)))
    else:
        found.remember(case, name, cost_of(job, sample=sample_of("windlass")))
