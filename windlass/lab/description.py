"""What a lab is to be (spec) and what it is (lab), as plain values, and the file that keeps the latter."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windlass.errors import LabError
from windlass.values import Command

MOST_HOSTS = 240
_LETTERS = "a-z, 0-9, - and _, at most 48"
_LAB_NAME = re.compile(r"^[a-z0-9][a-z0-9_-]{0,47}$")
_HOST_NAME = re.compile(r"^(?=.{1,63}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$")
_USER_NAME = re.compile(r"^[a-z_][a-z0-9_-]{0,31}$")


@dataclass(frozen=True, slots=True)
class HostSpec:
    """One host to be: who logs in (with sudo and without a password), where sshd listens, whether Docker must run."""

    name: str
    user: str = "deploy"
    port: int = 22
    docker: bool = False
    extra_users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabSpec:
    """A lab to be. Everything that the machine sees of it is derived from its name and its owner's folder."""

    name: str
    hosts: tuple[HostSpec, ...]


@dataclass(frozen=True, slots=True)
class LabHost:
    """One host that is: `machine` is its name on this machine, `folder` holds its own layer, its mount point and its log."""

    name: str
    address: str
    user: str
    port: int
    docker: bool
    machine: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab that is, with what a client needs: addresses, the key, the known hosts, the registry that npm should ask."""

    name: str
    directory: Path
    subnet: str
    gateway: str
    hosts: dict[str, LabHost]
    private_key: Path
    known_hosts: Path
    npm_registry: str
    source: str

    def ssh(self, host: str, *remote: str) -> Command:
        """OpenSSH to a host with the lab's key, checking the host against the lab's known hosts and nothing else."""
        at, option = self.hosts[host], "-o"
        words = ["ssh", "-F", "none", "-i", self.private_key, option, "IdentitiesOnly=yes", "-p", at.port]
        words += [option, f"UserKnownHostsFile={self.known_hosts}", option, "GlobalKnownHostsFile=/dev/null"]
        words += [option, "StrictHostKeyChecking=yes", option, "ConnectTimeout=10", f"{at.user}@{at.address}", *remote]
        return Command.of(*words)


@dataclass(frozen=True, slots=True)
class HostStatus:
    """How a host is now: `running` has a living init, `answers` has an sshd that says its banner."""

    name: str
    address: str
    running: bool
    answers: bool
    uptime_seconds: float
    memory_bytes: int


def check_name(name: str) -> None:
    """Raises LabError for what cannot be the name of a lab or of a snapshot; names become folders."""
    if not _LAB_NAME.match(name):
        raise LabError(f"{name!r} is no name for a lab or a snapshot", hint=f"names are made of {_LETTERS}")


def check_spec(spec: LabSpec) -> None:
    """Raises LabError that names every fault of the specification."""
    faults = [] if _LAB_NAME.match(spec.name) else [f"{spec.name!r} is no name for a lab: {_LETTERS}"]
    names = [host.name for host in spec.hosts]
    faults += [f"host {name} is there twice" for name in sorted({name for name in names if names.count(name) > 1})]
    faults += [fault for host in spec.hosts for fault in _host_faults(host)]
    if not 0 < len(spec.hosts) <= MOST_HOSTS:
        faults.append(f"a lab has 1 to {MOST_HOSTS} hosts, not {len(spec.hosts)}")
    if faults:
        raise LabError(f"lab {spec.name} cannot be: {'; '.join(faults)}", hint="correct the specification of the lab")


def _host_faults(host: HostSpec) -> list[str]:
    faults = [] if _HOST_NAME.match(host.name) else [f"{host.name!r} is no host name: a-z, 0-9, - and dots"]
    users = (host.user, *host.extra_users)
    faults += [f"{user!r} on {host.name} is no user name" for user in users if not _USER_NAME.match(user)]
    if not 0 < host.port < 65536:
        faults.append(f"{host.port} on {host.name} is no port")
    return faults


def to_json(lab: Lab) -> str:
    """The text that `from_json` reads."""
    return json.dumps(dataclasses.asdict(lab), default=str, indent=2) + "\n"


def from_json(text: str) -> Lab:
    """The lab that `to_json` wrote. Raises ValueError, KeyError or TypeError when it is not one."""
    values: dict[str, Any] = json.loads(text)
    for key in ("directory", "private_key", "known_hosts"):
        values[key] = Path(values[key])
    hosts = values.pop("hosts")
    return Lab(**values, hosts={name: LabHost(**{**host, "folder": Path(host["folder"])}) for name, host in hosts.items()})
