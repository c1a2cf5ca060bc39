"""Hosts that several processes need in the same state: made once, saved, and started from there by everybody else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.lab.suite.stock import fingerprint as fingerprint_of_kinds
from tests.lab.suite.stock import furnished, silent
from windlass import lab
from windlass.lab.folders import locked


def stocked(spec: lab.LabSpec, root: Path, kinds: Mapping[str, str], work: str, make: Callable[[lab.Lab], object]) -> lab.Lab:
    """Hosts of these kinds as `make` leaves them. `work` is all that it does; addresses may be others than when it was done."""
    mark = hashlib.sha256(f"{spec} {kinds} {fingerprint_of_kinds()} {work}".encode()).hexdigest()[:16]
    with locked(f"shelf-{mark}", silent):
        if kept := lab.saved_as(mark):
            return lab.up(spec, root=root, source=kept.name, of=kept.lab, say=silent)
        running = furnished(spec, root, kinds)
        make(running)
        lab.save(running, "setup", fingerprint=mark, say=silent)
        return running
