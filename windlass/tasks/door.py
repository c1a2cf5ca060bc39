"""The one door: every task leaves through it, with its result or its error shown and the exit code that says which.

0 done, 1 failed, 2 wrong usage or inventory (nothing was touched), 3 partly done, 4 refused, 130 interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit

from windlass import own_file
from windlass.errors import DONE, WindlassError
from windlass.report.diffs import render_diffs, shared_diffs
from windlass.report.errors import error_object, render_error
from windlass.report.json_output import INTERRUPTED, STATUS, hosts_object, write_document
from windlass.report.masking import Mask
from windlass.report.progress import Progress
from windlass.report.prose import prose
from windlass.report.screen import wants_colour
from windlass.report.summary import summary
from windlass.report.tables import terminal_width
from windlass.tasks.reader import stop_telling
from windlass.tasks.typed import as_typed, notes_as_typed
from windlass.terminal import harmless
from windlass.values import new_run_id

if TYPE_CHECKING:
    from windlass.events import Event
    from windlass.history.record import Record
    from windlass.report.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a task came to.

    result  the `result` member of the JSON document
    hosts   for each host, what is to be said of it beyond the counts: members of the JSON document's `hosts`
    text    the same for a person, on standard output
    summary whether what failed and what changed is told before that, operation by operation
    error   what went wrong although there is a result, such as a FlowFailed
    """

    result: Mapping[str, Any] = field(default_factory=dict)
    hosts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    text: str = ""
    summary: bool = False
    error: WindlassError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a person wants to see of a run, whatever its task: `--verbose`, `--profile`, `--junit FILE`."""

    verbose: bool = False
    profile: bool = False
    junit: str = ""


@dataclass(slots=True)
class Run:
    """One task being run: what is known of it so far, so that whatever ends it can be shown well."""

    task: str
    environment: str = ""
    as_json: bool = False
    diffs: bool = False
    check: bool = False
    folder: Path = field(default_factory=Path)
    id: str = field(default_factory=new_run_id)
    wishes: Wishes = field(default_factory=Wishes)
    mask: Mask = field(default_factory=Mask)
    progress: Progress = field(default_factory=Progress)
    record: Record | None = None


_UNDER_WAY: ContextVar[Run] = ContextVar("under way")  # whose hosts an interruption speaks of, wherever it arrives


def leave(run: Run, work: Callable[[], Outcome]) -> None:
    """Do the work, show what it came to, and raise invoke's Exit with the code unless all went well."""
    _UNDER_WAY.set(run)
    outcome, error, code = _attempt(run, work)
    if error is not None:
        code = error.exit_code
    own_file.keep_out_of_git(run.folder / ".windlass")  # of a clone, too: keys and secrets of this controller may be in it by now
    _remember(run, error, code)
    _for_machines(run, error)
    try:
        _show(run, outcome, error, code)
    except BrokenPipeError:
        stop_telling()
    if code != DONE:
        raise Exit(code=code)


def _remember(run: Run, error: WindlassError | None, code: int) -> None:
    """Enter how the run ended, and say what could not be entered."""
    if run.record is None:
        return
    run.record.end(run.progress.seconds, STATUS.get(code, "failed"), code, run.mask.value(error_object(error)) if error else None)
    for warning in run.record.warnings:
        sys.stderr.write(f"warning: {run.mask.text(warning)}\n")


def _for_machines(run: Run, error: WindlassError | None) -> None:
    """What CI reads: the JUnit file that was asked for, and annotations inside GitHub Actions."""
    hosts, error = run.record.ledger.in_order() if run.record else [], _masked(run, error) if error else None
    if run.wishes.junit:
        from windlass.report.junit import junit

        name = f"{run.task} {run.environment}".strip()
        try:
            Path(run.wishes.junit).write_text(junit(name, hosts, error, run.progress.seconds), encoding="utf-8")
        except OSError as fault:
            sys.stderr.write(f"warning: {run.wishes.junit} could not be written: {fault.strerror}\n")
    if error is not None and os.environ.get("GITHUB_ACTIONS") == "true":
        from windlass.report.github import error_lines

        sys.stderr.writelines(f"{line}\n" for line in error_lines(hosts, error))


def _masked(run: Run, error: WindlassError) -> WindlassError:
    """Before it is written in a form in which signs stand for others, as in XML: a secret would not be known there any more."""
    told = run.mask.value(error_object(error))
    return WindlassError(told["message"], hint=told["hint"], host=told["host"], last_lines=told["last_lines"])


def _profile(run: Run) -> Profile | None:
    """Where the time went, if somebody wants to know and any host was called."""
    if not run.wishes.profile or run.record is None:
        return None
    from windlass.report.profile import profile_of

    return profile_of(run.record.ledger.in_order(), run.progress.seconds)


def guard(run: Run, body: Callable[[], None]) -> None:
    """The door for what happens outside of `leave`: silent when all went well."""

    def work() -> Outcome:
        body()
        return Outcome()

    _UNDER_WAY.set(run)
    outcome, error, code = _attempt(run, work)
    if error is not None:
        _show(run, outcome, error, code)
        raise Exit(code=code)


def _attempt(run: Run, work: Callable[[], Outcome]) -> tuple[Outcome, WindlassError | None, int]:
    try:
        outcome, error, code = _once(run, work)
    except KeyboardInterrupt as interrupt:  # a second one, before the first was heard of
        _hear_no_further()
        outcome, error, code = Outcome(), _interrupted(_UNDER_WAY.get(run), interrupt), INTERRUPTED
    if error is not None:
        error.message, error.hint = harmless(as_typed(error.message)), harmless(as_typed(error.hint))
        error.last_lines = tuple(map(harmless, error.last_lines))
    return outcome, error, code


def _once(run: Run, work: Callable[[], Outcome]) -> tuple[Outcome, WindlassError | None, int]:
    try:
        outcome = work()
    except WindlassError as error:
        return Outcome(), error, error.exit_code
    except (Exit, SystemExit):
        raise
    except KeyboardInterrupt as interrupt:
        _hear_no_further()
        return Outcome(), _interrupted(_UNDER_WAY.get(run), interrupt), INTERRUPTED
    except Exception as fault:  # the last resort: a fault of ours becomes a file and a short message
        return Outcome(), _crashed(run, fault), WindlassError.exit_code
    return outcome, outcome.error, DONE


def _hear_no_further() -> None:
    """It is over: another Ctrl-C must not cut off the words that say how. The process does not wait for threads then."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interrupted(run: Run, interrupt: KeyboardInterrupt) -> WindlassError:
    """A flow that knows what is true now raises KeyboardInterrupt with that sentence; otherwise say where each host was."""
    with run.progress.lock:
        at_work = [f"{host.name} was at: {host.current}" for host in run.progress.hosts.values() if host.current]
    told = str(interrupt) or (str(interrupt.__context__) if isinstance(interrupt.__context__, KeyboardInterrupt) else "")
    state = told or ("what was done stays done" if run.progress.hosts else "nothing was touched on any host")
    hint = "the same command again goes on where this one stopped" if run.progress.hosts else ""
    error = WindlassError(f"interrupted: {state}", last_lines=at_work, hint=hint)
    error.exit_code = INTERRUPTED
    return error


def _crashed(run: Run, fault: Exception) -> WindlassError:
    """The whole traceback goes to a file of its own, secrets masked."""
    path = run.folder / ".windlass" / f"crash-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
    text = "".join(traceback.format_exception(fault))
    try:
        path.parent.mkdir(exist_ok=True)
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.write(run.mask.text(f"windlass {' '.join(sys.argv[1:])}\n\n{text}"))
    except OSError:
        return WindlassError(f"a fault in Windlass: {type(fault).__name__}: {fault}", last_lines=text.splitlines())
    return WindlassError(
        f"a fault in Windlass: {type(fault).__name__}: {fault}",
        hint=f"the traceback is in {path}: please report it; the same command can be run again",
    )


def _show(run: Run, outcome: Outcome, error: WindlassError | None, code: int) -> None:
    if run.as_json:
        write_document(sys.stdout, _document(run, outcome, code), run.mask, error)
        return
    with run.progress.lock:
        diffs = shared_diffs(run.progress.hosts.values()) if run.diffs else []
        told = prose([as_typed(summary(run.progress.hosts.values(), check=run.check))]) if outcome.summary else ""
    for text in (render_diffs(diffs, colour=wants_colour(sys.stdout)), told, harmless(outcome.text), _profile_text(run)):
        if text:
            sys.stdout.write(run.mask.text(text.rstrip("\n")) + "\n")
    sys.stdout.flush()
    if error is not None:
        shown = render_error(error, colour=wants_colour(sys.stderr), width=terminal_width(sys.stderr))
        sys.stderr.write(run.mask.text(shown) + "\n")


def _profile_text(run: Run) -> str:
    profile = _profile(run)
    if profile is None:
        return ""
    from windlass.report.profile import render_profile

    return "\n" + render_profile(profile)


def _document(run: Run, outcome: Outcome, code: int) -> dict[str, Any]:
    """The members of the JSON document in the order in which a person wants to read them."""
    with run.progress.lock:
        hosts = hosts_object(run.progress, diffs=run.diffs)
    for name, members in outcome.hosts.items():
        hosts[name] = hosts.get(name, {}) | dict(members)
    profile = _profile(run)
    document = {
        "run": run.id,
        "task": run.task,
        "environment": run.environment,
        "status": "",
        "exit_code": code,
        "seconds": round(run.progress.seconds, 3),
        "hosts": hosts,
        "result": dict(outcome.result),
        "error": None,
    }
    return document | ({"profile": profile.as_object()} if profile else {})


@contextmanager
def watched(run: Run, *, title: str, check: bool) -> Iterator[Callable[[Any], None]]:
    """The listener for a flow, with a view of it on standard error for as long as the block lasts."""
    from windlass.report.screen import masked, open_view

    with open_view(sys.stderr, run.progress, title=title, check=check, verbose=run.wishes.verbose) as view:
        yield notes_as_typed(masked(_recorded(run, view), run.mask))


def _recorded(run: Run, view: Callable[[Event], None]) -> Callable[[Event], None]:
    """What is shown is recorded, too."""
    record = run.record
    if record is None:
        return view

    def tell(event: Event) -> None:
        record(event)
        view(event)

    return tell
