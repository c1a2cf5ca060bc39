"""Which process a line belongs to, so that a later one on the same machine can tell that nobody will come back to it."""

from __future__ import annotations

import functools
import os
from pathlib import Path

PROC = Path("/proc")


@functools.cache
def identity() -> str:
    """Boot, namespace of process numbers, number and start of this process; empty where the system does not tell."""
    return _of(os.getpid())


def process_tag() -> str:
    """This process, as a person is told of it."""
    return f"pid {os.getpid()}"


def is_dead(theirs: str) -> bool:
    """Whether it is certain that this process is no more: one of another machine, boot or container may well live."""
    ours = identity().split("/")
    parts = theirs.split("/")
    return len(parts) == len(ours) == 4 and parts[:2] == ours[:2] and parts[2].isdigit() and _of(int(parts[2])) != theirs


def _of(process: int) -> str:
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = (PROC / "self/ns/pid").readlink().name.strip("pid:[]")
        fields = (PROC / str(process) / "stat").read_text(encoding="ascii", errors="replace").rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return ""
    return "" if fields[0] in "ZX" else f"{boot}/{namespace}/{process}/{fields[19]}"
