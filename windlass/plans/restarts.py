"""How often a process began again that nobody had asked to."""

from __future__ import annotations


def restarts(starts: int, up: float, live: float) -> int:
    """How often since its release went live: of that many starts, by a process that has been up for `up` seconds (0: it is down),
    of a release that went live `live` seconds ago (0: nobody knows).

    Starts are counted from the last time that somebody wanted one. The first of them was before the switch, so where the last one
    was as well, none of the others is held against it: the gate has seen them.
    """
    return max(0, starts - 1) if live and up < live else 0
