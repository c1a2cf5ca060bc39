"""Whether a run may still be gone on with: not if that took back what came after it, or if another host is at an address by now."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from windlass.errors import UsageError
from windlass.flows.workspace import ONLY_IN_LAB
from windlass.history.database import History, NewerHistory

if TYPE_CHECKING:
    from windlass.flows.resuming import Started
    from windlass.inventory import Environment

LONGEST: Final = 7 * 86400.0  # seconds: hosts keep the journal of a run no longer
LAST: Final = 50  # runs that are looked at
ANEW: Final = "run setup anew, without --resume: what is done is left alone"


def refuse_overdue(project: Path, started: Started, began: float) -> None:
    """Raises UsageError for a run that hosts have forgotten, and where a later one has changed them.

    began   seconds since 1970
    """
    if time.time() - began > LONGEST:
        raise UsageError(f"run {started.run} began more than a week ago: hosts do not know any more what it has done", hint=ANEW)
    for run, host in _later(project, started):
        raise UsageError(
            f"{host} was set up by run {run} since: going on with {started.run} would take a part of that back", hint=ANEW
        )


def refuse_moved(started: Started, then: Environment, now: Environment) -> None:
    """At a host's address of then may be another one by now. Raises UsageError."""
    for name in started.hosts:
        was, is_now = then.host(name), now.hosts.get(name)
        if is_now is None or (is_now.address, is_now.port) != (was.address, was.port):
            where = f"it is at {is_now.address} port {is_now.port} by now" if is_now else "it is gone from the inventory"
            raise UsageError(f"{name} was at {was.address} port {was.port} in run {started.run}; {where}", hint=ANEW)


def _later(project: Path, started: Started) -> Iterator[tuple[str, str]]:
    """Runs that changed a host of this one after it, as far as this checkout's history knows; not those that went on with it."""
    history = History(project / ".windlass")
    twin = f"{started.environment} (lab)"
    meant = {twin: started.lab is not False, started.environment: not started.lab or started.environment == ONLY_IN_LAB}
    try:
        found = history.runs(environment=started.environment, task="setup", last=LAST) if history.is_there else []
    except (OSError, sqlite3.Error, NewerHistory):
        return
    for run, hosts in found:
        goes_on = f"--resume {started.run}" in run.command or f"--resume={started.run}" in run.command
        if run.run > started.run and meant.get(run.environment) and not run.checked and not goes_on:
            yield from ((run.run, host.host) for host in hosts if host.changed and host.host in started.hosts)
