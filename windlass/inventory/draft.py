"""The entries of an inventory, each checked on its own against its model, before they are checked against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from windlass.inventory.faults import Faults, describe, did_you_mean, keys_at
from windlass.inventory.general import General
from windlass.inventory.located import KeyPath, Place, Tree
from windlass.inventory.schema import Entry, Group, GroupName, Host, HostName, Matching, SecretEntry, SecretName, ShortName

if TYPE_CHECKING:
    from windlass.inventory.applications import Application
    from windlass.inventory.backups import Backup
    from windlass.inventory.stores import StoreEntry

E = TypeVar("E", bound=Entry)


@dataclass(frozen=True, slots=True)
class Draft:
    """What could be read. The names of entries that were refused are in `names`, so that nobody calls them unknown."""

    tree: Tree
    general: General
    hosts: Mapping[str, Host]
    groups: Mapping[str, Group]
    applications: Mapping[str, Application]
    backups: Mapping[str, Backup]
    stores: Mapping[str, StoreEntry]
    secrets: Mapping[str, SecretEntry]

    def names(self, section: str) -> tuple[str, ...]:
        return tuple(self.tree.data.get(section, {}))


def draft(tree: Tree, faults: Faults) -> Draft:
    """Validate each entry; those with faults are left out."""
    general = _valid(General, ("environment",), tree.data.get("environment", {}), tree, faults) or General()
    hosts = _section(Host, "hosts", HostName, tree, faults)
    return Draft(
        tree=tree,
        general=general,
        hosts={name: _complete(host, general) for name, host in hosts.items()},
        groups=_section(Group, "groups", GroupName, tree, faults),
        applications=_applications(tree, faults),
        backups=_backups(tree, faults),
        stores=_stores(tree, faults),
        secrets=_section(SecretEntry, "secrets", SecretName, tree, faults),
    )


# The models of what a site may have are loaded where it has such entries: most of what the first of them takes is to make them.


def _applications(tree: Tree, faults: Faults) -> dict[str, Application]:
    if not tree.data.get("applications"):
        return {}
    from windlass.inventory.applications import Application  # noqa: PLC0415

    return _section(Application, "applications", ShortName, tree, faults)


def _backups(tree: Tree, faults: Faults) -> dict[str, Backup]:
    if not tree.data.get("backups"):
        return {}
    from windlass.inventory.backups import Backup  # noqa: PLC0415

    return _section(Backup, "backups", ShortName, tree, faults)


def _stores(tree: Tree, faults: Faults) -> dict[str, StoreEntry]:
    if not tree.data.get("stores"):
        return {}
    from windlass.inventory.stores import StoreEntry  # noqa: PLC0415

    return _section(StoreEntry, "stores", ShortName, tree, faults)


def _section(model: type[E], section: str, form: Any, tree: Tree, faults: Faults) -> dict[str, E]:
    found: dict[str, E] = {}
    for name, body in tree.data.get(section, {}).items():
        path = (section, name)
        _check_name(name, path, form, tree, faults)
        if isinstance(body, dict) and "name" in body:
            inner = (*path, "name")
            faults.add(
                tree.place(inner), inner, f"unknown key{did_you_mean('name', keys_at(model, ()))}: the key above is the name"
            )
            continue
        named = {**body, "name": name} if isinstance(body, dict) else {"name": name} if body is None else body
        entry = _valid(model, path, named, tree, faults)
        if entry is not None:
            found[name] = entry
    return found


def _valid(model: type[E], path: KeyPath, value: object, tree: Tree, faults: Faults) -> E | None:
    def locate(inside: KeyPath) -> tuple[Place, KeyPath]:
        return tree.place((*path, *inside)), (*path, *inside)

    try:
        return model.model_validate(value)
    except ValidationError as error:
        describe(error, model, value, locate, faults)
        return None


def _check_name(name: str, path: KeyPath, form: Any, tree: Tree, faults: Faults) -> None:
    matching: Matching = form.__metadata__[0]
    try:
        matching.check(name)
    except ValueError as error:
        faults.add(tree.place(path), path, f"the name {error}")


def _complete(host: Host, general: General) -> Host:
    completed = {
        "user": host.user or general.user,
        "private_key": host.private_key or general.private_key,
        "private_address": host.private_address or host.address,
    }
    return host.model_copy(update=completed)
