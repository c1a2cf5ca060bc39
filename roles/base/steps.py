"""What the role base wants of a host."""

from __future__ import annotations

from collections.abc import Iterator

from windlass.operations.authorized_key import AuthorizedKeys
from windlass.operations.command import Run
from windlass.operations.commit import Guarded
from windlass.operations.directory import Directory
from windlass.operations.file import File
from windlass.operations.line import Line
from windlass.operations.link import Link
from windlass.operations.operation import Operation
from windlass.operations.package import Package
from windlass.operations.service import Service
from windlass.operations.sysctl import Sysctl
from windlass.operations.template import Template
from windlass.operations.user import User
from windlass.plans.topology import HostView
from windlass.values import Command

from .settings import Person, Settings, Ssh
from .ssh import sshd

SUDOERS = Command.of("visudo", "-c", "-q", "-f", "%s")


def steps(host: HostView, settings: Settings) -> list[Operation]:
    """Programs first, then people, then everything small."""
    sudo = ("sudo",) if any(person.sudo for person in settings.users.values()) else ()
    live = settings.sysctl_live and host.surroundings.own_kernel
    updates = ("unattended-upgrades",) if settings.security_updates else ()
    return [
        Package(names=(*settings.packages, *settings.more_packages, *sudo, *updates)),
        *(operation for name, person in settings.users.items() for operation in _person(host, name, person, settings.ssh)),
        *_clock(settings.time_zone),
        *_hostname(settings.hostname),
        *(
            Directory(path=path, owner=folder.owner, group=folder.group, mode=folder.mode)
            for path, folder in settings.directories.items()
        ),
        *(Sysctl(name=name, value=value, live=live) for name, value in settings.sysctl.items()),
        _updates(host, wanted=settings.security_updates),
        *sshd(host, settings.ssh),
    ]


def _person(host: HostView, name: str, person: Person, ssh: Ssh) -> Iterator[Operation]:
    """Keys of whoever may become root are changed on trial: they may be the very ones with which we came in."""
    if person.absent:
        yield _sudoers(name, "")
        yield User(name=name, absent=True)
        return
    yield User(name=name, groups=person.groups, shell=person.shell)
    if person.keys:
        ours = person.sudo or name in ("root", host.environment.host(host.name).user)
        yield AuthorizedKeys(user=name, keys=person.keys, confirm_seconds=float(ssh.confirm_seconds) if ours else 0.0)
    yield _sudoers(name, f"{name} ALL=(ALL:ALL) NOPASSWD: ALL\n" if person.sudo else "")


def _sudoers(name: str, content: str) -> Operation:
    """On trial: these may be the very rights with which we came in."""
    return Guarded(
        guard="sudoers",
        path=f"/etc/sudoers.d/windlass-{name}",
        content=content,
        absent=not content,
        mode="0440",
        validate=SUDOERS,
        activate="visudo -c -q",
        undo="true",
    )


def _clock(zone: str) -> Iterator[Operation]:
    """Programs that run keep the old zone until they are restarted; cron is told, because its jobs go by the clock."""
    if zone:
        link = Link(path="/etc/localtime", target=f"/usr/share/zoneinfo/{zone}", force=True)
        file = File(path="/etc/timezone", content=f"{zone}\n")
        yield from (link, file, Service(name="cron", restart_on=(link, file)))


def _hostname(name: str) -> Iterator[Operation]:
    """The name also stands in /etc/hosts, or sudo would ask the name server for it each time."""
    if name:
        file = File(path="/etc/hostname", content=f"{name}\n")
        yield Line(path="/etc/hosts", line=f"127.0.1.1 {name}", match=r"^127\.0\.1\.1\s", create=True)
        yield file
        yield Run(command=Command.of("hostname", "--file", "/etc/hostname"), name=f"host name {name}", run_on=(file,))


def _updates(host: HostView, *, wanted: bool) -> Operation:
    path, name = "/etc/apt/apt.conf.d/52windlass-updates", "base/updates.conf.j2"
    return Template(path=path, source=host.template(name), name=name) if wanted else File(path=path, absent=True)
