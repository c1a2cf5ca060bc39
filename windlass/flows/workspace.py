"""What a flow works with: the project, one of its environments, its secrets, and the way to its hosts."""

from __future__ import annotations

import getpass
import socket
import subprocess
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from windlass import events
from windlass.errors import UsageError
from windlass.flows.catalogue import Catalogue
from windlass.flows.commit import confirmer
from windlass.flows.secrets.known_secrets import KnownSecrets, real_secrets, twin_secrets
from windlass.history import checksums
from windlass.hosts.common.target import Target
from windlass.hosts.many.crew import Crew, Hands, crew_of
from windlass.hosts.many.fleet import Fleet
from windlass.inventory import Environment, Host, load, secrets_of_stores
from windlass.plans.topology import HostView, Surroundings
from windlass.values import Secret, new_run_id

if TYPE_CHECKING:
    from windlass.lab import Lab

ONLY_IN_LAB = "lab"  # the environment of this name has no other hosts than those of the lab


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """One environment, opened. `lab` is its twin where that is worked on instead of the real hosts, `run` the run's id.

    journaled   hosts keep a journal of this run, so that it can be gone on with: then it asks each host for one batch only
    hands       who works on many hosts
    """

    project: Path
    environment: Environment
    catalogue: Catalogue
    secrets: KnownSecrets
    lab: Lab | None = None
    accept_new: bool = False
    sudo_password: Secret | None = None
    run: str = field(default_factory=new_run_id)
    hands: Hands = field(default_factory=Hands)
    journaled: bool = False

    @property
    def asks(self) -> bool:
        """Whether a person has to confirm before anything is changed here."""
        return self.environment.confirm

    @property
    def operator(self) -> str:
        """Who is at work, for locks, journals and histories: user@machine, and the git address where there is one."""
        here = f"{getpass.getuser()}@{socket.gethostname()}"
        address = _git_email(self.project)
        return f"{here} ({address})" if address else here

    def known_secrets(self) -> Iterable[Secret]:
        """All secrets that this run could show by mistake, as far as they are known by now."""
        known = self.secrets.known()
        return known if self.sudo_password is None else (*known, self.sudo_password)

    def secrets_of_hosts(self) -> Iterable[Secret]:
        """The same for hosts to mask what their programs print: without the credentials of stores, which never leave here."""
        yield from self.secrets.known(without=secrets_of_stores(self.environment))
        if self.sudo_password is not None:
            yield self.sudo_password

    def hosts(self, limit: str = "") -> tuple[Host, ...]:
        """The hosts that `--limit` means; all where it is empty. Raises UsageError for what means nothing."""
        return self.environment.hosts_of(limit or "all")

    def targets(self, hosts: Iterable[Host | str]) -> tuple[Target, ...]:
        """How to reach hosts, jump hosts included."""
        return tuple(self._target(host if isinstance(host, str) else host.name) for host in hosts)

    def fleet(self, hosts: Iterable[Host | str], listener: events.Listener = events.nobody) -> Fleet:
        """These hosts, to be worked on together; enter it to keep the connections for as long as the block lasts."""
        return Fleet(self.targets(hosts), listener, confirmer=confirmer(listener))

    def crew(self, hosts: Iterable[Host | str], listener: events.Listener = events.nobody) -> AbstractContextManager[Crew]:
        """The same for whole batches, by whoever is to do them; journaled ones, for a worker that dies is followed by another."""
        return crew_of(self.hands, self.targets(hosts), listener, confirmer)

    def view(self, host: Host | str) -> HostView:
        """A host as its roles see it."""
        entry = self.environment.host(host if isinstance(host, str) else host.name)
        return HostView(
            name=entry.name,
            address=entry.address,
            private_address=entry.private_address,
            labels=entry.labels,
            environment=self.environment,
            secret=self.secrets.get,
            template=self.catalogue.template,
            surroundings=_surroundings(self.lab),
        )

    def _target(self, name: str) -> Target:
        host = self.environment.host(name)
        return Target(
            name=host.name,
            address=host.address,
            user=host.user or "",
            port=host.port,
            jump=self._target(host.jump) if host.jump else None,
            private_key=self.lab.private_key if self.lab else self._key(host),
            known_hosts=self.environment.known_hosts,
            accept_new=self.accept_new,
            sudo_password=self.sudo_password,
            transport=host.transport or "paramiko",
            warm_seconds=self.environment.warm_seconds,
            connect_seconds=self.environment.connect_seconds,
            grace_seconds=self.environment.grace_seconds,
        )

    def _key(self, host: Host) -> Path | None:
        """The file that the inventory names. Raises UsageError when it is not there."""
        if not host.private_key:
            return None
        path = self.project / Path(host.private_key).expanduser()
        if not path.is_file():
            where = f"`private_key` of {host.name} or of the environment, in {self.environment.folder.name}/hosts.yml"
            raise UsageError(f"there is no key {path}", hint=f"{where}; leave it out to log in with your agent and your own keys")
        return path


def load_environment(project: Path, name: str) -> Environment:
    """Read and check one environment. Raises UsageError when there is none of this name, InventoryError with all faults."""
    return load(project / "inventories" / name, Catalogue(project).schemas(), project=project)


def open_workspace(
    project: Path, name: str, *, lab: bool = False, accept_new: bool = False, source: Path | None = None
) -> Workspace:
    """Open an environment, or with `lab` its twin in the lab; the environment called lab is always in the lab.

    source   the folder whose inventories, roles and templates count: another one than the project where these were kept

    Nothing is asked of the network. Raises UsageError (no such environment, no lab is up) and InventoryError.
    """
    catalogue = Catalogue(source or project)
    environment = load((source or project) / "inventories" / name, catalogue.schemas(), project=project)
    checksums.remember_in(project)
    if not lab and name != ONLY_IN_LAB:
        return Workspace(
            project=project,
            environment=environment,
            catalogue=catalogue,
            secrets=real_secrets(environment),
            accept_new=accept_new,
        )
    from windlass.flows import twin  # noqa: PLC0415 - the lab's code loads only for what happens in the lab

    running = twin.running_lab(project, environment)
    return Workspace(
        project=project,
        environment=twin.moved(environment, running),
        catalogue=catalogue,
        secrets=twin_secrets(environment, secrets_file(project, name), committed=name == ONLY_IN_LAB),
        lab=running,
    )


def secrets_file(project: Path, name: str) -> Path:
    """Where the made-up secrets of an environment's twin are kept."""
    return project / ".windlass" / "secrets" / (f"{name}.yml" if name == ONLY_IN_LAB else f"{name}-lab.yml")


def _surroundings(lab: Lab | None) -> Surroundings:
    return Surroundings(npm_registry=lab.npm_registry, ssh_network=lab.subnet, own_kernel=False) if lab else Surroundings()


def _git_email(project: Path) -> str:
    command = ["git", "-C", str(project), "config", "user.email"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""
