"""Locks held by this very process."""

from __future__ import annotations

import fcntl
import json
import os
import time
from typing import Any, Dict

from windlass.agent.core import heirs
from windlass.agent.core.context import RUN, Context
from windlass.agent.core.outcome import OperationError, Outcome

LET_GO = 10.0  # seconds that an agent takes to end when nobody comes back to it; what it is at is finished first


def lease(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Take the lock or fail at once; the descriptor is not inherited by children, so it dies with the agent."""
    folder = os.path.join(RUN, "lock")
    os.makedirs(folder, mode=0o755, exist_ok=True)
    path = os.path.join(folder, arguments["name"])
    if path in context.kept:
        return Outcome(False)
    handle = open(path, "a+", encoding="utf-8")  # noqa: SIM115 - it stays open as long as the agent lives: that is the lock
    if not (_locked(handle, time.monotonic() + arguments["wait_seconds"], context) or _inherited(handle, path, context)):
        holder = _holder(path)
        handle.close()
        raise OperationError(
            _held(arguments["name"], holder), hint="wait until it is done; the lock frees itself when its holder ends", data=holder
        )
    record = {"holder": arguments["holder"], "purpose": arguments["purpose"], "since": time.time()}
    _sign(handle, dict(record, **heirs.signature(context)))
    context.kept[path] = handle
    return Outcome(False, "held")


def _locked(handle: Any, deadline: float, context: Context) -> bool:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            context.wait(0.1)
        else:
            return True


def _inherited(handle: Any, path: str, context: Context) -> bool:
    """Whether the holder's agent only waited for a controller that is dead, as ours can tell, and has let go."""
    if not heirs.told_to_end(_holder(path), context):
        return False
    return _locked(handle, time.monotonic() + LET_GO, context)


def _sign(handle: Any, record: Dict[str, Any]) -> None:
    handle.seek(0)
    handle.truncate()
    handle.write(json.dumps(record))
    handle.flush()


def _holder(path: str) -> Dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as handle:
            record = json.load(handle)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _held(name: str, holder: Dict[str, Any]) -> str:
    if not holder:
        return "%s is locked by another run" % name
    minutes = max(0.0, time.time() - float(holder["since"])) / 60
    return "%s is locked by %s for %.0f min: %s" % (name, holder["holder"], minutes, holder["purpose"])
