"""Watching what serves since the switch, and taking the switch back without being told to."""

from __future__ import annotations

import time
from typing import Any, Dict, List, Optional

from windlass.agent import gate, release
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError, Outcome


def watch(arguments: Dict[str, Any], context: Context) -> Outcome:
    """It goes on to its end when the controller is gone: that is what it is for."""
    if context.check:
        return Outcome(False, unknown=True)
    instances = arguments["instances"]
    bad = _not_come(instances, arguments["arriving_seconds"]) or _not_stayed(instances, arguments["seconds"])
    if bad:
        release.switch_back(arguments["root"], arguments["before"])
        release.remember_way_back(arguments["root"], "%s: %s" % (bad["name"], bad["why"]))
        raise _taken_back(bad, arguments["before"])
    if context.cancelled.is_set():  # nobody is there, or nobody wants what comes after it
        release.remember_watched(arguments["root"])
    return Outcome(False, "%d fit" % len(instances))


def _not_come(instances: List[gate.Instance], limit: float) -> Optional[gate.Instance]:
    """The first instance that is not fit within so many seconds; one that keeps crashing will not get better."""
    deadline = time.monotonic() + limit
    while limit:
        counted = gate.starts_of(instances)
        bad = gate.first_unfit(instances)
        if not bad:
            return None
        if counted[bad["name"]] >= gate.MOST_STARTS or time.monotonic() > deadline:
            return bad
        time.sleep(gate.INTERVAL)
    return None


def _not_stayed(instances: List[gate.Instance], seconds: float) -> Optional[gate.Instance]:
    """The first instance that does not stay fit for so many seconds."""
    deadline = time.monotonic() + seconds
    starts = gate.starts_of(instances)
    while time.monotonic() < deadline:
        time.sleep(gate.INTERVAL)
        bad = gate.failing(instances, starts)
        if bad:
            return bad
    return None


def _taken_back(bad: Dict[str, Any], before: str) -> OperationError:
    now = "the host switched back to %s by itself" % before if before else "there was nothing to switch back to, so nothing serves"
    return OperationError(
        "%s failed after the switch: %s; %s" % (bad["name"], bad["why"], now),
        hint="the release had requests for a moment; mend it and deploy again",
        last_lines=gate.last_words(bad["log"]),
    )
