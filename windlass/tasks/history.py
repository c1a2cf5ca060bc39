"""`history`: what was run from here, when, by whom, and what came of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from invoke.context import Context

from windlass.tasks.common import Options, command
from windlass.tasks.typed import program

if TYPE_CHECKING:
    from windlass.history.database import History
    from windlass.tasks.door import Outcome

Value = TypeVar("Value")


@command(
    env="only runs on this environment or its twin in the lab",
    host="only runs that this host took part in",
    task="only runs of this task, such as setup or deploy",
    last="how many (else 20)",
)
def list_(_context: Context, *, env: str = "", host: str = "", task: str = "", last: int = 20, json: bool = False) -> None:
    """
    Show the runs that concerned hosts, the newest first.

    Plain `history` is the same. For the releases of an application, see
    `releases`. The history is `.windlass/history.sqlite` of this project; it
    holds the last 200 runs, for at most 90 days.

    Example:

        invoke history.list --env production --host web1
        invoke history.show last

    Exit codes: 0 done, 1 the history cannot be read, 2 wrong usage.
    """
    from windlass.tasks.running import run_alone

    def work() -> Outcome:
        from windlass.tasks.door import Outcome
        from windlass.tasks.history_words import run_object, runs_table

        found = _reading(lambda kept: kept.runs(environment=env, host=host, task=task, last=last) if kept.is_there else [])
        states = {run.run: _state(run.run, run.status) for run, _hosts in found}
        result = {"runs": [run_object(run, hosts, states[run.run]) for run, hosts in found]}
        none = f"no such run is known here; {program()} history lists all" if env or host or task else "no run is known here yet"
        return Outcome(result=result, text=runs_table(found, states) if found else none)

    run_alone("history.list", Options.of(locals()), work)


list_.is_default = True  # so that plain `invoke history` is it


@command(run="the run's id or how it begins; `last` is the newest")
def show(_context: Context, run: str, *, json: bool = False) -> None:
    """
    Show one run: what failed, what changed where, what to type next.

    Also what took long, and on which host.

    Example:

        invoke history.show 20260102T030405-1f2e3d
        invoke history.show last

    Exit codes: 0 done, 1 the history cannot be read, 2 there is no such run.
    """
    from windlass.tasks.running import run_alone

    def work() -> Outcome:
        from windlass.errors import UsageError
        from windlass.tasks.door import Outcome
        from windlass.tasks.history_words import operation_object, run_object, shown

        found = _reading(lambda kept: kept.find("" if run == "last" else run) if kept.is_there else [])
        if not found or (len(found) > 1 and run != "last"):
            said = "is not the beginning of one run" if found else "is not known here"
            raise UsageError(f"run {run} {said}", hint="invoke history lists them", last_lines=found[:10])
        row, hosts, operations = _reading(lambda kept: kept.show(found[0]))
        state = _state(row.run, row.status)
        result = run_object(row, hosts, state) | {"operations": [operation_object(each) for each in operations]}
        return Outcome(result=result, text=shown(row, hosts, operations, state))

    run_alone("history.show", Options.of(locals()), work)


def _reading(work: Callable[[History], Value]) -> Value:
    """Read the history. Raises WindlassError where it cannot be read."""
    import sqlite3

    from windlass.errors import WindlassError
    from windlass.history.database import History, NewerHistory
    from windlass.tasks.place import project_folder

    kept = History(project_folder() / ".windlass")
    try:
        return work(kept)
    except NewerHistory:
        raise WindlassError("a newer Windlass has written this history", hint="read it with that version") from None
    except (OSError, sqlite3.Error) as error:
        raise WindlassError(
            f"the history {kept.path} cannot be read: {error}", hint="moved away, it begins anew; deploys do not need it"
        ) from error
    finally:
        for note in kept.notes:
            sys.stderr.write(f"warning: {note}\n")


def _state(run: str, status: str) -> str:
    """A run whose end was never entered still goes on, or was killed."""
    from windlass.history.event_log import NAME, goes_on
    from windlass.tasks.place import project_folder

    if status != "running" or goes_on(project_folder() / ".windlass" / "runs" / run / NAME):
        return status
    return "broke off"
