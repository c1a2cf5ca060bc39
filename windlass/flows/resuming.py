"""What a run was begun with, so that `--resume` can go on with it. What is done already is in each host's own journal.

Its hosts, roles and options are in `.windlass/resume/<run>.json`, what its values came from in an archive beside it. What cannot be
kept is worked out anew, and the run is gone on with only if the same comes out: digests of it are in the record (`wanted`).
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import windlass
from windlass import own_file
from windlass.errors import UsageError, WindlassError
from windlass.flows import kept_values, overdue
from windlass.flows.wanted import Wanted, differences, wanted_of
from windlass.flows.workspace import ONLY_IN_LAB, Workspace, load_environment, open_workspace
from windlass.hosts.many.crew import Hands
from windlass.inventory import Environment
from windlass.plans.rounds import FailurePolicy, share

if TYPE_CHECKING:
    from windlass.flows.secrets.known_secrets import KnownSecrets
    from windlass.operations.wire import Batch

ANY_FAILURE = FailurePolicy()
THIS_PROCESS = Hands()
MOST = 50  # runs that are kept
MOST_NAMES = 5  # files that a sentence names


@dataclass(frozen=True, slots=True)
class Started:
    """A run as it was begun.

    lab      whether it worked on the environment's twin; None if nobody knows
    version  of Windlass
    values   the archive with what its values came from; empty if there is none
    wanted   what it wanted of its hosts; None if an earlier version wrote the record
    """

    run: str
    environment: str
    hosts: tuple[str, ...]
    roles: tuple[str, ...] = ()
    lab: bool | None = None
    policy: FailurePolicy = ANY_FAILURE
    hands: Hands = THIS_PROCESS
    version: str = windlass.__version__
    values: str = ""
    wanted: Wanted | None = None


class Remembering:
    """Keeps what a run's values come from while the block works them out, for a disk takes its time. `want` ends the block: the run
    is written down, and no loss of power takes that back; a block that fails before has touched no host, and leaves no run.

    A run that is known already stays as it was begun.

    run       its name
    trouble   after the block: why it could not be written down; empty if it was
    """

    def __init__(self, project: Path, started: Started) -> None:
        self.run = started.run
        self.trouble = ""
        self._project = project
        self._started = started
        self._known = _known(project, started.run)
        self._values = ("", False)
        self._thread = threading.Thread(target=self._keep, name="remember", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._thread.join()

    def want(self, batches: Mapping[str, Batch], secrets: KnownSecrets) -> None:
        """This is what came out for the hosts. Raises UsageError if the run that is gone on with wanted something else."""
        if self._known:
            _refuse_others(self._known, batches, secrets)
            return
        wanted = wanted_of(batches, secrets)
        self._thread.join()
        values, is_new = self._values
        if not self.trouble:
            self._try(
                lambda: _write_down(self._project, replace(self._started, values=values, wanted=wanted), values_are_new=is_new)
            )

    def _keep(self) -> None:
        if not self._known:
            self._try(self._keep_values)

    def _keep_values(self) -> None:
        self._values = kept_values.keep(self._project, self._started.environment)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (OSError, ValueError) as error:  # the latter of a name that no archive takes
            self.trouble = getattr(error, "strerror", "") or str(error)


def _known(project: Path, run: str) -> Started | None:
    path = _path(project, run)
    return _read(path, run) if path.exists() else None


def _refuse_others(started: Started, batches: Mapping[str, Batch], secrets: KnownSecrets) -> None:
    """Raises UsageError unless the same comes out for the hosts as then. Of an earlier version's run only hosts know it."""
    if not started.wanted:
        return
    others = differences(started.wanted, wanted_of(batches, secrets, started.wanted), batches)
    if others:
        raise UsageError(
            f"run {started.run} is not gone on with: something else would be wanted of its hosts by now",
            hint="put it back as it was; or run setup anew, without --resume: what is done is left alone",
            last_lines=others,
        )


def _write_down(project: Path, started: Started, *, values_are_new: bool) -> None:
    """Raises OSError."""
    own_file.write(_path(project, started.run), _encoded(started), firm=True)
    records = sorted(name for name in os.listdir(_folder(project)) if name.endswith(".json"))  # noqa: PTH208 - paths cost more
    for old in records[:-MOST]:
        (_folder(project) / old).unlink(missing_ok=True)
    if values_are_new:
        kept_values.sweep(project, [_values_of(_folder(project) / name) for name in records[-MOST:]])


def recall(project: Path, run: str, environment: str, *, lab: bool = False) -> Started:
    """The run of this name. Raises UsageError when there is none in this environment, and names the last ones."""
    known = {path.stem: path for path in sorted(_folder(project).glob("*.json"))}
    if run not in known:
        last = ", ".join(list(known)[-3:])
        raise UsageError(f"there is no run {run} to go on with", hint=f"the last ones: {last}" if last else "there was none yet")
    started = _read(known[run], run)
    if started.environment != environment:
        raise UsageError(f"run {run} was for {started.environment}, not for {environment}", hint=f"say --env {started.environment}")
    if started.lab not in (None, lab or environment == ONLY_IN_LAB):
        there = "the twin in the lab" if started.lab else "the hosts themselves"
        raise UsageError(f"run {run} was for {there}", hint="say --lab as well" if started.lab else "leave --lab out")
    return started


def reopen(started: Started, project: Path, *, lab: bool = False, accept_new: bool = False) -> Workspace:
    """The environment as it was when the run began; as it is now if its values were not kept.

    Raises what `open_workspace` raises, and UsageError if the values are gone, or if it is too late to go on with them.
    """
    name = started.environment
    overdue.refuse_overdue(project, started, _path(project, started.run).stat().st_mtime)
    if not started.values:
        return open_workspace(project, name, lab=lab, accept_new=accept_new)
    from windlass.flows.kept_archive import unfold  # noqa: PLC0415 - slow to import

    kept = unfold(project, started.values, started.run)
    workspace = open_workspace(project, name, lab=lab, accept_new=accept_new, source=kept)
    now = _as_it_is(project, name)
    if workspace.lab is None and now:
        overdue.refuse_moved(started, workspace.environment, now)
    return workspace


def told(started: Started, workspace: Workspace) -> str:
    """What a person should know of the values that a run goes on with."""
    if not started.values:
        others = "it goes on only if the same comes out" if started.wanted else "a host refuses what is another one"
        return f"the values of run {started.run} were not kept: they are worked out anew, and {others}"
    changed = list(kept_values.changed_since(workspace.project, workspace.catalogue.project, started.environment))
    if started.version != windlass.__version__:
        changed.append(f"Windlass itself ({started.version} then)")
    if not changed:
        return f"with the values of run {started.run}; no file that they are in has changed since"
    names = ", ".join(changed[:MOST_NAMES]) + (f" and {len(changed) - MOST_NAMES} more" if len(changed) > MOST_NAMES else "")
    return f"with the values of run {started.run}; changed since: {names}; for what is wanted now, run setup anew afterwards"


def _as_it_is(project: Path, name: str) -> Environment | None:
    """None for one that is broken: it is not what the run goes on with."""
    try:
        return load_environment(project, name)
    except WindlassError:
        return None


def _encoded(started: Started) -> bytes:
    policy = started.policy
    record = {
        "environment": started.environment,
        "lab": started.lab,
        "hosts": started.hosts,
        "roles": started.roles,
        "on_failure": policy.on_failure,
        "serial": str(policy.serial or ""),
        "max_failed": str(policy.max_failed or ""),
        "workers": started.hands.workers,
        "executor": started.hands.executor,
        "version": started.version,
        "values": started.values,
        "wanted": started.wanted.encoded() if started.wanted else None,
    }
    return json.dumps(record).encode() + b"\n"


def _read(path: Path, run: str) -> Started:
    """Raises UsageError for one that was torn by a power cut while an earlier version wrote it: no host had been touched yet."""
    try:
        return _decoded(run, json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        raise UsageError(f"run {run} broke off before it had touched a host", hint="run setup anew, without --resume") from None


def _decoded(run: str, record: dict[str, Any]) -> Started:
    """An earlier version wrote environment, hosts and roles only."""
    serial, max_failed = (record.get(name, "") for name in ("serial", "max_failed"))
    return Started(
        run,
        record["environment"],
        tuple(record["hosts"]),
        tuple(record["roles"]),
        lab=record.get("lab"),
        policy=FailurePolicy(
            on_failure=record.get("on_failure", "continue"),
            serial=share(serial) if serial else None,
            max_failed=share(max_failed) if max_failed else None,
        ),
        hands=Hands(record.get("workers", 0), record.get("executor", "")),
        version=record.get("version", windlass.__version__),
        values=record.get("values", ""),
        wanted=Wanted.decoded(record["wanted"]) if record.get("wanted") else None,
    )


def _values_of(path: Path) -> str:
    try:
        return _read(path, path.stem).values
    except (OSError, UsageError):
        return ""


def _path(project: Path, run: str) -> Path:
    return _folder(project) / f"{run}.json"


def _folder(project: Path) -> Path:
    return project / ".windlass" / "resume"
