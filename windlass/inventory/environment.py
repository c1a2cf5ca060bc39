"""An environment as the rest of the program sees it: frozen, complete, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from windlass.errors import UsageError
from windlass.inventory.faults import Faults, did_you_mean
from windlass.inventory.located import Place, Tree
from windlass.inventory.schema import Group, Host, SecretEntry
from windlass.inventory.selection import ALL, select
from windlass.inventory.variables import CUSTOM, Explained, RoleSchema, Variables

if TYPE_CHECKING:
    from windlass.inventory.applications import Application
    from windlass.inventory.backups import Backup
    from windlass.inventory.notifications import Notify
    from windlass.inventory.stores import StoreEntry

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Hosts, groups, applications, backups, stores and secrets of one environment.

    folder           where its files are
    project          the folder that relative paths in it start from
    confirm          a person types the environment's name before anything is changed
    known_hosts      the file with the hosts' SSH keys; None leaves it to the user's own
    warm_seconds     how long a connection of `transport: openssh` is kept for the next run
    connect_seconds  how long a host may take to accept a connection, and again to let us in
    grace_seconds    how long after the last word a lost connection may be taken up again
    notify           who is told of failures
    tree             what the files say and where
    """

    name: str
    folder: Path
    project: Path
    description: str
    confirm: bool
    user: str
    known_hosts: Path | None
    warm_seconds: float
    connect_seconds: float
    grace_seconds: float
    hosts: Mapping[str, Host]
    groups: Mapping[str, Group]
    applications: Mapping[str, Application]
    backups: Mapping[str, Backup]
    stores: Mapping[str, StoreEntry]
    secrets: Mapping[str, SecretEntry]
    notify: Notify
    variables: Variables
    tree: Tree

    @property
    def roles(self) -> Mapping[str, RoleSchema]:
        """The roles that the inventory was loaded with."""
        return self.variables.roles

    def host(self, name: str) -> Host:
        """Raises UsageError for a name that no host has."""
        return _named(name, self.hosts, "host")

    def application(self, name: str) -> Application:
        """Raises UsageError for a name that no application has."""
        return _named(name, self.applications, "application")

    def backup(self, name: str) -> Backup:
        """Raises UsageError for a name that no backup has."""
        return _named(name, self.backups, "backup")

    def store(self, name: str) -> StoreEntry:
        """Raises UsageError for a name that no store has."""
        return _named(name, self.stores, "store")

    def hosts_of(self, pattern: str = ALL) -> tuple[Host, ...]:
        """The hosts that a pattern means, in the inventory's order; raises UsageError as `select` does."""
        members = {name: group.hosts for name, group in self.groups.items()}
        return tuple(self.hosts[name] for name in select(pattern, self.hosts, members))

    def groups_of(self, host: Host | str) -> tuple[str, ...]:
        """The groups that hold a host, parents before children; `all` is the first."""
        name = _name(host)
        return tuple(group.name for group in self.groups.values() if name in group.hosts)

    def roles_of(self, host: Host | str) -> tuple[str, ...]:
        """The roles of a host in the order in which they are set up, none twice."""
        return tuple(dict.fromkeys(role for group in self.groups_of(host) for role in self.groups[group].roles))

    def settings(self, host: Host | str, role: str) -> BaseModel:
        """The settings of a role on a host, an instance of the role's model. Raises UsageError for an unknown role,
        InventoryError when the role needs a setting that a host without the role was never given."""
        _named(role, self.roles, "role")
        faults = Faults()
        settings = self.variables.settings(self.host(_name(host)).name, role, faults)
        faults.raise_any(f"the settings of {role} on {_name(host)}")
        if settings is None:
            raise UsageError(f"the role {role} has no complete settings on {_name(host)}", hint="give the host the role in a group")
        return settings

    def custom(self, host: Host | str) -> dict[str, Any]:
        """The free values `custom:` of a host, for templates."""
        return self.variables.custom(self.host(_name(host)).name, Faults())

    def explain(self, host: Host | str) -> tuple[Explained, ...]:
        """Each setting of each role of a host, and its free values: the value that counts, where it stands, what it overrides."""
        name = self.host(_name(host)).name
        return tuple(self.variables.explain(name, (*self.roles_of(name), CUSTOM)))

    def place(self, *path: str | int) -> Place:
        """The file and line of a value, or of the nearest value around it."""
        return self.tree.place(path)

    def with_addresses(
        self, addresses: Mapping[str, tuple[str, str, int]], *, known_hosts: Path | None = None, confirm: bool | None = None
    ) -> Environment:
        """The same environment on other machines: for each host the address (private too), the user and the port.

        For twins in the lab; these bring their own `known_hosts`, and a person need not confirm what happens to them.
        """
        moved = {name: self.host(name).model_copy(update=_on(*addresses[name])) for name in addresses}
        return replace(
            self,
            hosts={name: moved.get(name, host) for name, host in self.hosts.items()},
            known_hosts=known_hosts or self.known_hosts,
            confirm=self.confirm if confirm is None else confirm,
        )


def explain(environment: Environment, host: Host | str) -> tuple[Explained, ...]:
    """Where each setting of a host comes from."""
    return environment.explain(host)


def settings(environment: Environment, host: Host | str, role: str) -> BaseModel:
    """The settings of a role on a host."""
    return environment.settings(host, role)


def _on(address: str, user: str, port: int) -> dict[str, Any]:
    return {"address": address, "private_address": address, "user": user, "port": port}


def _name(host: Host | str) -> str:
    return host if isinstance(host, str) else host.name


def _named(name: str, known: Mapping[str, T], kind: str) -> T:
    if name not in known:
        raise UsageError(f"no {kind} is called {name!r}{did_you_mean(name, known)}", hint=f"{kind}s: {', '.join(known) or 'none'}")
    return known[name]
