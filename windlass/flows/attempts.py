"""What was tried with a backup, when, and what came of it: noted on the controller, so that a missed run can be made up for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace

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
    """What was last tried with a backup, by what it was. A file that cannot be read counts as none: it is a note, not a record."""
    try:
        return _ALL.validate_json(_path(workspace, name).read_bytes())
    except (OSError, ValidationError):
        return {}


def note(workspace: Workspace, name: str, what: What, attempt: Attempt) -> None:
    """Write an attempt down. Raises OSError."""
    path = _path(workspace, name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(_ALL.dump_json({**attempts(workspace, name), what: attempt}, indent=1))
    draft.rename(path)


def last_begun(workspace: Workspace, name: str, newest: datetime | None) -> datetime | None:
    """When a backup was last begun, as far as the note or the newest one in the store (`newest`) knows."""
    noted = attempts(workspace, name).get("backup")
    known = [moment for moment in (noted.started if noted else None, newest) if moment is not None]
    return max(known, default=None)


def _path(workspace: Workspace, name: str) -> Path:
    return home(workspace) / f"{workspace.environment.name}-{name}.json"
