"""The inventory: which hosts there are, what they should be, what runs on them. YAML in, frozen and checked values out."""

from __future__ import annotations

from windlass.inventory.applications import (
    Application,
    Build,
    Gate,
    GitSource,
    Health,
    NpmSource,
    PathSource,
    Ports,
    Process,
    Source,
)
from windlass.inventory.backups import Backup, Keep
from windlass.inventory.environment import Environment, explain, settings
from windlass.inventory.environment_file import environment_file
from windlass.inventory.loading import load
from windlass.inventory.located import Place
from windlass.inventory.schema import Group, Host, SecretEntry, SecretReference
from windlass.inventory.secrets import LocalSecrets, SecretSource, local_secrets
from windlass.inventory.selection import select
from windlass.inventory.sites import Site
from windlass.inventory.stores import BY_DIRECTORY, S3, StoreEntry, secrets_of_stores
from windlass.inventory.templating import process_command, process_environment, release_files, render, scope, store_credentials
from windlass.inventory.variables import Explained, Origin, RoleSchema

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
