"""Who is to be told about an environment's backups, kept from each run whose inventory could be read.

An inventory that cannot be read any more must not silence its alarms. What is kept are the inventory's words: templates, and no
secret's value.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from windlass.flows.backups.attempts import home
from windlass.flows.catalogue import Catalogue
from windlass.flows.secrets.known_secrets import real_secrets
from windlass.inventory import Backup, Environment, Host, SecretEntry
from windlass.inventory.located import Tree
from windlass.inventory.notifications import Notify
from windlass.inventory.variables import Variables

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace


class _Kept(BaseModel):
    """What telling somebody takes: of the hosts only how they are called and reached."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    notify: Notify
    backups: Mapping[str, Backup]
    hosts: Mapping[str, Host]
    secrets: Mapping[str, SecretEntry]


def keep(workspace: Workspace) -> None:
    """Write it down, for this environment on this machine. Twins tell nobody; what cannot be written is done without."""
    if workspace.lab is not None:
        return
    path = _path(workspace.project, workspace.environment.name)
    content = _of(workspace.environment).model_dump_json(exclude_defaults=True, indent=1)
    with suppress(OSError):
        if path.exists() and path.read_text(encoding="utf-8") == content:
            return
        home(workspace).mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_text(content, encoding="utf-8")
        draft.rename(path)


def last_good(project: Path, name: str) -> Workspace | None:
    """The environment as it was kept: enough to tell somebody about a backup, and for nothing else. None if nothing was kept."""
    from windlass.flows.workspace import Workspace  # noqa: PLC0415 - which is what this is to be

    try:
        kept = _Kept.model_validate_json(_path(project, name).read_bytes())
    except (OSError, ValidationError):
        return None
    environment = _environment(project, name, kept)
    return Workspace(project=project, environment=environment, catalogue=Catalogue(project), secrets=real_secrets(environment))


def _path(project: Path, name: str) -> Path:
    return project / ".windlass" / "backups" / f"{name}.told"


def _of(environment: Environment) -> _Kept:
    hosts = {entry.host: environment.host(entry.host) for entry in environment.backups.values()}
    return _Kept(
        notify=environment.notify,
        backups=environment.backups,
        hosts={name: host.model_copy(update={"variables": {}}) for name, host in hosts.items()},
        secrets={name: SecretEntry(name=name, description=entry.description) for name, entry in environment.secrets.items()},
    )


def _environment(project: Path, name: str, kept: _Kept) -> Environment:
    return Environment(
        name=name,
        folder=project / "inventories" / name,
        project=project,
        description="",
        confirm=True,
        user="",
        known_hosts=None,
        warm_seconds=0.0,
        connect_seconds=10.0,
        grace_seconds=0.0,
        hosts=kept.hosts,
        groups={},
        applications={},
        backups=kept.backups,
        stores={},
        secrets=kept.secrets,
        notify=kept.notify,
        variables=Variables({}, {}, dict.fromkeys(kept.hosts, ()), tuple(kept.secrets)),
        tree=Tree(),
    )
