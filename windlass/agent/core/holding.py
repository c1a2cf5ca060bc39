"""Locks that this very process holds, each with a word on who it is: the kernel frees them when it ends."""

from __future__ import annotations

import fcntl
import os
import time
from typing import IO, Any, Callable, Dict

from windlass.agent.core import heirs, quick_json
from windlass.agent.core.context import RUN, Context
from windlass.agent.core.outcome import OperationError

Look = Callable[[Dict[str, Any]], None]
LET_GO = 10.0  # seconds that an agent takes to end when nobody comes back to it; what it is at is finished first
HINT = "wait until it is done, then run the same again; the lock frees itself when its holder ends"


def path_of(name: str) -> str:
    """The file of the lock of this name."""
    return os.path.join(RUN, "lock", name)


def hold(name: str, record: Dict[str, Any], wait: float, context: Context, look: Look = lambda _last: None) -> IO[str]:
    """Take the lock; it is held as long as the file is open, which no child inherits. Raises OperationError, with who holds it.

    record  holder and purpose in words, and perhaps the run: a lock that the same run holds (of a machine that is there by two
            names) keeps nobody out
    look    is given what the last run signed that had it, and may refuse
    """
    path = path_of(name)
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    handle = open(path, "a+", encoding="utf-8")  # noqa: SIM115 - open as long as it is held
    if _locked(handle, 0.0, context) or not _is_ours(path, record):
        if not (_locked(handle, time.monotonic() + wait, context) or _inherited(handle, path, context)):
            handle.close()
            raise _held(name, _holder(path))
        try:
            look(_holder(path))
        except OperationError:
            handle.close()
            raise
        _sign(handle, dict(record, since=time.time(), **heirs.signature(context)))
    return handle


def holder_of(name: str, context: Context) -> Dict[str, Any]:
    """Who holds this lock, with what it signed; empty if nobody does, or only an agent whose controller is certainly dead."""
    holder = _holder(path_of(name)) if _is_held(path_of(name)) else {}
    return {} if heirs.is_dead(holder, context) else holder


def refuse_others(context: Context) -> None:
    """Raises OperationError, with who it is, where a run of another controller has a lock on this host, whatever it is of.

    An agent whose controller is dead finishes what it is at, and is waited for.
    """
    folder = path_of("")
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        path = path_of(name)
        holder = _holder(path)
        if not _is_held(path) or _is_of_this_run(holder, context):
            continue
        if not (heirs.told_to_end(holder, context) and _is_let_go(path, context)):
            raise _held(name, holder)


def _is_let_go(path: str, context: Context) -> bool:
    deadline = time.monotonic() + LET_GO
    while _is_held(path) and time.monotonic() < deadline:
        context.wait(0.1)
    return not _is_held(path)


def _is_held(path: str) -> bool:
    try:
        with open(path, encoding="utf-8") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def _is_of_this_run(holder: Dict[str, Any], context: Context) -> bool:
    controller = holder.get("controller")
    return holder.get("agent") == os.getpid() or (bool(controller) and controller == context.controller)


def _is_ours(path: str, record: Dict[str, Any]) -> bool:
    return bool(record.get("run")) and _holder(path).get("run") == record["run"]


def _locked(handle: IO[str], deadline: float, context: Context) -> bool:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            context.wait(0.1)
        else:
            return True


def _inherited(handle: IO[str], path: str, context: Context) -> bool:
    """Whether the holder's agent only waited for a controller that is dead, as ours can tell, and has let go."""
    if not heirs.told_to_end(_holder(path), context):
        return False
    return _locked(handle, time.monotonic() + LET_GO, context)


def _sign(handle: IO[str], record: Dict[str, Any]) -> None:
    os.ftruncate(handle.fileno(), 0)
    try:
        os.write(handle.fileno(), quick_json.short(record).encode())
    except OSError:  # /run is full: it is held all the same, only not by name
        pass


def _holder(path: str) -> Dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as handle:
            record = quick_json.read(handle.read())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _held(name: str, holder: Dict[str, Any]) -> OperationError:
    said = "%s is locked by %s" % (name, holder.get("holder") or "another run")
    since = holder.get("since")  # what another version signed may lack it
    if isinstance(since, (int, float)):
        seconds, clock = max(0.0, time.time() - since), time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(since))
        said += " for %s (since %s)" % ("%.0f s" % seconds if seconds < 120 else "%.0f min" % (seconds / 60), clock)
    if holder.get("purpose"):
        said += ": %s" % holder["purpose"]
    return OperationError(said, hint=HINT, data=dict(holder, locked=True))
