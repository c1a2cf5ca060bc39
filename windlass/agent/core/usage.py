"""What processes use of the host, as /proc tells."""

from __future__ import annotations

import os
from typing import Iterable


def memory(pids: Iterable[int]) -> int:
    """Resident bytes of these processes together; what they share is counted for each. 0 for those that are gone."""
    return sum(_resident(pid) for pid in pids)


def _resident(pid: int) -> int:
    try:
        with open("/proc/%d/statm" % pid, encoding="ascii") as handle:
            return int(handle.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def cpu_seconds(pids: Iterable[int]) -> float:
    """The seconds of one core's time that these processes have used so far. 0 for those that are gone."""
    return sum(_ticks(pid) for pid in pids) / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int) -> int:
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as handle:
            fields = handle.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])  # utime and stime: see proc(5), counted from the state behind the name
    except (OSError, ValueError, IndexError):
        return 0
