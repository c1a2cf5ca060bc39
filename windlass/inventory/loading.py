"""From a folder of YAML files to an environment, or to the list of all that is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from windlass.inventory.checks import check
from windlass.inventory.draft import Draft, draft
from windlass.inventory.environment import Environment
from windlass.inventory.faults import MISSING, Faults
from windlass.inventory.located import Tree
from windlass.inventory.membership import resolve
from windlass.inventory.reading import called, read_folder
from windlass.inventory.role_defaults import RoleDefaults
from windlass.inventory.schema import Group, Host, Transport
from windlass.inventory.variables import Layer, RoleSchema, Variables, check_names, layer_of

PRODUCTION = "production"


def load(folder: Path, roles: Mapping[str, RoleSchema], *, project: Path) -> Environment:
    """Read and check an environment. Nothing is asked of the network.

    Raises UsageError when the folder does not exist, InventoryError with all faults when anything is wrong.
    """
    faults = Faults()
    tree, complete = read_folder(folder, project, faults)
    parts = draft(tree, faults)
    defaults = RoleDefaults(roles, project, faults)
    if not complete:  # what could not be read would be called missing everywhere else
        faults.raise_any(called(folder, project))
    groups = resolve(parts, faults)
    variables = _variables(parts, groups, defaults.layer(), roles)
    environment = _environment(folder, project, parts, groups, variables)
    _check_variables(environment, parts, defaults, faults)
    check(environment, parts, faults)
    faults.raise_any(called(folder, project))
    defaults.told()
    return environment


def _environment(folder: Path, project: Path, parts: Draft, groups: Mapping[str, Group], variables: Variables) -> Environment:
    general = parts.general
    hosts = {name: _reached(host, groups, general.transport) for name, host in parts.hosts.items()}
    return Environment(
        name=folder.name,
        folder=folder,
        project=project,
        description=general.description,
        confirm=folder.name == PRODUCTION if general.confirm is None else general.confirm,
        user=general.user,
        known_hosts=project / general.known_hosts if general.known_hosts else None,
        warm_seconds=general.warm_seconds,
        connect_seconds=general.connect_seconds,
        grace_seconds=general.grace_seconds,
        hosts=hosts,
        groups=groups,
        applications=parts.applications,
        backups=parts.backups,
        stores=parts.stores,
        secrets=parts.secrets,
        notify=general.notify,
        variables=variables,
        tree=parts.tree,
    )


def _reached(host: Host, groups: Mapping[str, Group], otherwise: Transport) -> Host:
    """The host with the transport that it, its last group with one, or the environment says."""
    said = [group.transport for group in groups.values() if host.name in group.hosts and group.transport]
    return host.model_copy(update={"transport": host.transport or (said[-1] if said else otherwise)})


def _variables(parts: Draft, groups: Mapping[str, Group], defaults: Layer, roles: Mapping[str, RoleSchema]) -> Variables:
    everywhere = layer_of("environment", ("variables",), parts.tree)
    of_group = {name: _layer("group", name, parts.tree) for name in groups}
    layers = {
        host: (
            defaults,
            everywhere,
            *(of_group[name] for name, group in groups.items() if host in group.hosts),
            _layer("host", host, parts.tree),
        )
        for host in parts.hosts
    }
    return Variables(roles, groups, layers, parts.names("secrets"))


def _layer(kind: str, name: str, tree: Tree) -> Layer:
    return layer_of(f"{kind} {name}", (f"{kind}s", name, "variables"), tree, name if kind == "group" else "")


def _check_variables(environment: Environment, parts: Draft, defaults: RoleDefaults, faults: Faults) -> None:
    roles = environment.roles
    check_names(layer_of("environment", ("variables",), parts.tree), roles, faults)
    for kind in ("group", "host"):  # those of refused entries too
        for name in parts.names(f"{kind}s"):
            check_names(_layer(kind, name, parts.tree), roles, faults)
    for host in environment.hosts:
        environment.variables.custom(host, faults)
        for role in environment.roles_of(host):
            if role in roles:
                environment.variables.settings(host, role, faults)
    _check_unused(environment, faults)
    check_names(defaults.layer_so_far(), roles, faults)


def _check_unused(environment: Environment, faults: Faults) -> None:
    """Values for a role that a host does not have are checked too; only that some are missing is no fault then."""
    for host, layers in environment.variables.layers.items():
        for role in set(environment.roles) - set(environment.roles_of(host)):
            if any(layer.has(role) for layer in layers[1:]):
                found = Faults()
                environment.variables.settings(host, role, found)
                faults.take(fault for fault in found.found if fault.text != MISSING)
