"""Which hosts a run was for, so that `--resume` can go on with it. What is done already is in each host's own journal.

No value is kept here: they are worked out anew, and a host refuses what is not what the run wanted of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windlass.errors import UsageError

MOST = 50  # runs that are kept


@dataclass(frozen=True, slots=True)
class Started:
    """A run as it was begun."""

    run: str
    environment: str
    hosts: tuple[str, ...]
    roles: tuple[str, ...] = ()


def remember(project: Path, started: Started) -> None:
    """Before the first host is touched."""
    folder = _folder(project)
    folder.mkdir(parents=True, exist_ok=True)
    for old in sorted(folder.glob("*.json"))[: -MOST + 1]:
        old.unlink(missing_ok=True)
    record = {"environment": started.environment, "hosts": started.hosts, "roles": started.roles}
    (folder / f"{started.run}.json").write_text(json.dumps(record) + "\n", encoding="utf-8")


def recall(project: Path, run: str, environment: str) -> Started:
    """The run of this name. Raises UsageError when there is none in this environment, and names the last ones."""
    known = {path.stem: path for path in sorted(_folder(project).glob("*.json"))}
    if run not in known:
        last = ", ".join(list(known)[-3:])
        raise UsageError(f"there is no run {run} to go on with", hint=f"the last ones: {last}" if last else "there was none yet")
    record = _read(known[run], run)
    if record["environment"] != environment:
        raise UsageError(
            f"run {run} was for {record['environment']}, not for {environment}", hint=f"say --env {record['environment']}"
        )
    return Started(run, environment, tuple(record["hosts"]), tuple(record["roles"]))


def _read(path: Path, run: str) -> dict[str, Any]:
    """Raises UsageError for one that was torn, as by a power cut, while it was written: no host had been touched yet then."""
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise UsageError(f"run {run} broke off before it had touched a host", hint="run setup anew, without --resume") from None
    return record


def _folder(project: Path) -> Path:
    return project / ".windlass" / "resume"
