"""What was tried with a backup, when, and what came of it: noted on the controller, so that a missed run can be made up for."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError

from windlass.inventory.stores import label

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Backup

What = Literal["backup", "drill", "prune"]


class Attempt(BaseModel):
    """The last time that something was tried.

    ended    None while it runs, and for ever if its controller died
    failed   why it failed, when it did
    failing  when it first failed, if it has not succeeded since
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    started: AwareDatetime
    ended: AwareDatetime | None = None
    failed: str = ""
    failing: AwareDatetime | None = None


Attempts = Mapping[str, Attempt]
_ALL: TypeAdapter[dict[str, Attempt]] = TypeAdapter(dict[str, Attempt])


def home(workspace: Workspace) -> Path:
    """The folder with the logs and the notes of an environment's backups; those of a twin in the lab have one of their own."""
    folder = workspace.project / ".windlass" / "backups"
    return folder / "lab" if workspace.lab is not None else folder


def attempts(workspace: Workspace, name: str) -> Attempts:
    """What was last tried with a backup, by `key`. A file that cannot be read counts as none: it is a note, not a record."""
    try:
        return _ALL.validate_json(_path(workspace, name).read_bytes())
    except (OSError, ValidationError):
        return {}


def key(what: What, store: str) -> str:
    """How an attempt is filed."""
    return label(what, store)


def note(workspace: Workspace, entry: Backup, what: What, attempt: Attempt) -> None:
    """Write an attempt down, for the store that the entry means; what others write meanwhile is not lost. Raises OSError."""
    path = _path(workspace, entry.name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.with_name(".lock").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_bytes(_ALL.dump_json({**attempts(workspace, entry.name), key(what, entry.store): attempt}, indent=1))
        draft.rename(path)


def last(workspace: Workspace, entry: Backup, what: What) -> Attempt | None:
    """The last time that this was tried, for the store that the entry means."""
    return attempts(workspace, entry.name).get(key(what, entry.store))


def _path(workspace: Workspace, name: str) -> Path:
    return home(workspace) / f"{workspace.environment.name}-{name}.json"
