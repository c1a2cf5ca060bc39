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
    Site,
    Source,
)
from windlass.inventory.backups import Backup, Keep
from windlass.inventory.environment import Environment, explain, settings
from windlass.inventory.loading import load
from windlass.inventory.located import Place
from windlass.inventory.schema import Group, Host, SecretEntry, SecretReference
from windlass.inventory.selection import select
from windlass.inventory.variables import Explained, Origin, RoleSchema

__all__ = [
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
    "NpmSource",
    "Origin",
    "PathSource",
    "Place",
    "Ports",
    "Process",
    "RoleSchema",
    "SecretEntry",
    "SecretReference",
    "Site",
    "Source",
    "explain",
    "load",
    "select",
    "settings",
]
