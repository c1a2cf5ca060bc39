"""The inventory: which hosts there are, what they should be, what runs on them. YAML in, frozen and checked values out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from windlass.inventory.environment import Environment, explain, settings
from windlass.inventory.environment_file import environment_file
from windlass.inventory.loading import load
from windlass.inventory.located import Place
from windlass.inventory.schema import Group, Host, SecretEntry, SecretReference
from windlass.inventory.secrets import LocalSecrets, SecretSource, declared, local_secrets
from windlass.inventory.selection import select
from windlass.inventory.store_checks import secrets_of_stores
from windlass.inventory.templating import process_command, process_environment, release_files, render, scope, store_credentials
from windlass.inventory.variables import Explained, Origin, RoleSchema

if TYPE_CHECKING:
    from windlass.inventory.applications import (
        Application,
        Build,
        Gate,
        Health,
        Ports,
        Process,
    )
    from windlass.inventory.backups import Backup, Keep
    from windlass.inventory.sites import Site
    from windlass.inventory.sources import GitSource, NpmSource, PathSource, Source
    from windlass.inventory.stores import BY_DIRECTORY, S3, StoreEntry

# Loaded when somebody asks for one of them: to make these models takes as long as all other models together.
_LATER: Final = {
    "applications": frozenset(["Application", "Build", "Gate", "Health", "Ports", "Process"]),
    "backups": frozenset(["Backup", "Keep"]),
    "sites": frozenset(["Site"]),
    "sources": frozenset(["GitSource", "NpmSource", "PathSource", "Source"]),
    "stores": frozenset(["BY_DIRECTORY", "S3", "StoreEntry"]),
}

__all__ = [
    "BY_DIRECTORY",
    "S3",
    "Application",
    "Backup",
    "Build",
    "Environment",
    "Explained",
    "Gate",
    "GitSource",
    "Group",
    "Health",
    "Host",
    "Keep",
    "LocalSecrets",
    "NpmSource",
    "Origin",
    "PathSource",
    "Place",
    "Ports",
    "Process",
    "RoleSchema",
    "SecretEntry",
    "SecretReference",
    "SecretSource",
    "Site",
    "Source",
    "StoreEntry",
    "declared",
    "environment_file",
    "explain",
    "load",
    "local_secrets",
    "process_command",
    "process_environment",
    "release_files",
    "render",
    "scope",
    "secrets_of_stores",
    "select",
    "settings",
    "store_credentials",
]


def __getattr__(name: str) -> Any:
    import importlib  # noqa: PLC0415

    for module, names in _LATER.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
