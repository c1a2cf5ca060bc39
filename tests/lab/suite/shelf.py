"""Hosts that several files need in the same state: made once, saved, and started from there by everybody else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from windlass import lab
from windlass.lab.folders import locked


def stocked(spec: lab.LabSpec, root: Path, fingerprint: str, make: Callable[[lab.Lab], object]) -> lab.Lab:
    """The hosts as `make` leaves them. What it does belongs into the fingerprint; addresses may be others than when it was done."""
    with locked(f"shelf-{fingerprint}", _silent):
        if kept := lab.saved_as(fingerprint):
            return lab.up(spec, root=root, source=kept.name, of=kept.lab, say=_silent)
        running = lab.up(spec, root=root, say=_silent)
        make(running)
        lab.save(running, "setup", fingerprint=fingerprint, say=_silent)
        return running


def _silent(_line: str) -> None:
    """Tests read results, not progress."""
