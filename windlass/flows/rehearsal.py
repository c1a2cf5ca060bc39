"""An inventory tried out as far as that goes without a host: its templates filled, its roles asked, for every host, with secrets
made up. What a deploy or a setup would stumble over is found before either."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from windlass.errors import InventoryError, WindlassError
from windlass.flows.catalogue import Catalogue
from windlass.flows.secrets.known_secrets import KnownSecrets
from windlass.flows.workspace import ONLY_IN_LAB, Workspace
from windlass.inventory import Environment, Host, process_command, process_environment, release_files, scope
from windlass.inventory.applications import Application
from windlass.inventory.secrets import PREFIX, local_secrets
from windlass.operations.operation import Operation
from windlass.operations.wire import check_order
from windlass.plans.topology import Surroundings

IN_LAB = Surroundings(npm_registry="https://registry.example.org", ssh_network="192.0.2.0/24", own_kernel=False)

Attempt = Callable[[], object]


def faults_of(project: Path, environment: Environment) -> list[str]:
    """All that is wrong, each once, with file and line where that is known."""
    workspace = Workspace(project=project, environment=environment, catalogue=Catalogue(project), secrets=_made_up(environment))
    found: dict[str, str] = {}  # by what it is on any host, as it is on the first
    for host, attempt in _attempts(workspace):
        try:
            attempt()
        except WindlassError as error:
            for fault in _told(error):
                if fault not in found.values():
                    found.setdefault(fault.replace(host, "*"), fault)
    return list(found.values())


def _attempts(workspace: Workspace) -> Iterator[tuple[str, Attempt]]:
    """What is tried, each with the host that it is for."""
    committed = local_secrets(workspace.environment).committed
    if committed:
        yield "the encrypted file", committed.names
    for host in workspace.environment.hosts.values():
        for attempt in _templates(workspace, host):
            yield host.name, attempt
        yield host.name, partial(_ask_roles, workspace, host)


def _made_up(environment: Environment) -> KnownSecrets:
    values = {f"{PREFIX}{name.upper()}": f"made-up-{name}" for name in environment.secrets}
    return KnownSecrets(dataclasses.replace(local_secrets(environment), surroundings=values, committed=None))


def _templates(workspace: Workspace, host: Host) -> Iterator[Attempt]:
    """The templates of the applications that run on a host, each by itself, so that all faults are found."""
    environment = workspace.environment
    for application in environment.applications.values():
        if host in environment.hosts_of(application.hosts):
            extra = {"release": "r", "folder": "/r", "shared": "/s"}
            yield partial(_set_up_for, environment, application, host)
            yield from _filled(environment, application, scope(environment, host, workspace.secrets, application, extra))


def _set_up_for(environment: Environment, application: Application, host: Host) -> None:
    """The role `app` makes an application's user and folders, and nginx answers for its site; a runtime may be there otherwise.

    Raises InventoryError where a host has no such role.
    """
    wanted = ("nginx", "app") if application.site else ("app",)
    missing = [role for role in wanted if role not in environment.roles_of(host)]
    if missing:
        place = environment.place("applications", application.name, "hosts")
        needs = f"needs the role{'s' if len(missing) > 1 else ''} {' and '.join(missing)} on {host.name}, where it runs"
        raise InventoryError(f"{place}: applications.{application.name}.hosts: {needs}")


def _filled(environment: Environment, application: Application, values: dict[str, Any]) -> Iterator[Attempt]:
    of_slot = values | {"slot": "blue", "listen": "/r/socket", "instance": 0}
    yield partial(process_environment, environment, application, None, values)
    yield partial(release_files, environment, application, values)
    for process in application.processes.values():
        yield partial(process_environment, environment, application, process, of_slot)
        yield partial(process_command, environment, application, process, of_slot)


def _ask_roles(workspace: Workspace, host: Host) -> None:
    """The operations of all roles of a host, as far as they can be got ready here."""
    environment, view = workspace.environment, workspace.view(host)
    if environment.name == ONLY_IN_LAB:
        view = dataclasses.replace(view, surroundings=IN_LAB)
    wanted: list[Operation] = []
    for role in environment.roles_of(host):
        wanted += workspace.catalogue.wanted(role, view, environment.settings(host, role))
    _get_ready(wanted)


def _get_ready(operations: Sequence[Operation]) -> None:
    check_order(operations)
    for operation in operations:
        operation.get_ready()
        operation.arguments()  # a template is filled by that


def _told(error: WindlassError) -> Sequence[str]:
    """Faults of templates as they are, with file and line; of anything else the message, where it is, and what to do."""
    if error.message.startswith("the templates of "):
        return error.last_lines
    return [": ".join([*error.last_lines[:1], error.message, *error.last_lines[1:]]) + (f" ({error.hint})" if error.hint else "")]
