"""An environment's twin in the lab: which hosts it needs, whether it is up, and the environment on its addresses."""

from __future__ import annotations

from pathlib import Path

from windlass import lab as laboratory
from windlass.errors import LabError, UsageError
from windlass.inventory import Environment, Host
from windlass.lab import HostSpec, Lab, LabSpec


def labs_folder(project: Path) -> Path:
    """Where a project's labs keep their keys and addresses."""
    return project / ".windlass" / "labs"


def lab_spec(environment: Environment) -> LabSpec:
    """A host in the lab for each host of the environment, with its name, user and port, and able to run Docker if it should."""
    return LabSpec(environment.name, tuple(_host_spec(environment, host) for host in environment.hosts.values()))


def _host_spec(environment: Environment, host: Host) -> HostSpec:
    docker = "docker" in environment.roles_of(host)
    return HostSpec(name=host.name, user=host.user or environment.user, port=host.port, docker=docker)


def running_lab(project: Path, environment: Environment) -> Lab:
    """The lab that is the environment's twin. Raises UsageError where none is up, or where hosts have been added since."""
    wake = f"invoke lab.up --env {environment.name}"
    try:
        lab = laboratory.load(environment.name, root=labs_folder(project))
    except LabError:
        raise UsageError(f"no lab is up for {environment.name}", hint=wake) from None
    missing = [name for name in environment.hosts if name not in lab.hosts]
    if missing:
        raise UsageError(f"the lab of {environment.name} lacks {', '.join(missing)}", hint=f"{wake} adds what is missing")
    return lab


def moved(environment: Environment, lab: Lab) -> Environment:
    """The environment on the lab's addresses. Nothing in it asks for confirmation: it is a rehearsal."""
    addresses = {name: (lab.hosts[name].address, lab.hosts[name].user, lab.hosts[name].port) for name in environment.hosts}
    return environment.with_addresses(addresses, known_hosts=lab.known_hosts, confirm=False)
