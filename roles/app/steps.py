"""What the role app wants of a host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from windlass.operations.command import Run
from windlass.operations.directory import Directory
from windlass.operations.link import Link
from windlass.operations.operation import Operation
from windlass.operations.service import Service
from windlass.operations.template import Template
from windlass.operations.user import User
from windlass.plans.layout import SLOTS, Layout
from windlass.plans.topology import HostView
from windlass.values import Command

from .settings import Settings

if TYPE_CHECKING:
    from windlass.inventory import Application

SHELL = "/bin/sh"
DOCKER_GROUP = "docker"  # it may tell Docker what to run, which is as much as root may
WEB_GROUP = "www-data"  # nginx's: it may use the sockets and nothing else


def steps(host: HostView, settings: Settings) -> list[Operation]:
    """One application after the other; none has any part in another."""
    environment = host.environment
    here = environment.host(host.name)
    applications = [each for each in environment.applications.values() if here in environment.hosts_of(each.hosts)]
    return [operation for application in applications for operation in _application(host, application, settings)]


def _application(host: HostView, application: Application, settings: Settings) -> Iterator[Operation]:
    layout = Layout(application.name)
    # Its folder is root's, though it is the account's home: the application cannot change which release is live, nor what a slot
    # starts. An account of another name may be there for other things, too, so its home is left as it is.
    home = layout.root if application.user == application.name else ""
    groups = (DOCKER_GROUP,) if application.runtime == "compose" else None
    yield User(name=application.user, system=True, home=home, shell=SHELL, create_home=False, groups=groups)
    if application.static:
        yield from _of_files(layout, application.user)
        return
    yield from _folders(layout, application)
    yield from _run_folders(host, layout, application.user)
    yield from _logs(host, layout, application.user, settings)
    yield from (_pm2 if application.supervisor == "pm2" else _systemd)(host, layout, application, settings)


def _of_files(layout: Layout, user: str) -> Iterator[Operation]:
    """What nginx serves by itself needs neither sockets nor logs; the user builds it."""
    for name in ("", "/releases", "/records", "/slots", *(f"/slots/{slot}" for slot in SLOTS)):
        yield Directory(path=layout.root + name)
    yield Directory(path=layout.union)
    for name in (".npm", ".cache"):
        yield Directory(path=f"{layout.root}/{name}", owner=user, group=user, mode="0700")


def _folders(layout: Layout, application: Application) -> Iterator[Operation]:
    user = application.user
    for name in ("", "/releases", "/records", "/slots", *(f"/slots/{slot}" for slot in SLOTS)):
        yield Directory(path=layout.root + name)
    yield Directory(path=layout.shared, owner=user, group=user, mode="0750")
    # PM2's home is the application's alone, because PM2 obeys whoever can open the sockets in it; the caches are npm's and others',
    # and Docker's programs keep there who they are to a registry.
    for name in (".docker",) if application.runtime == "compose" else (".pm2", ".npm", ".cache"):
        yield Directory(path=f"{layout.root}/{name}", owner=user, group=user, mode="0700")


def _run_folders(host: HostView, layout: Layout, user: str) -> Iterator[Operation]:
    """Sockets and process ids are gone after a boot, and so are their folders: systemd-tmpfiles makes them again."""
    yield _template(
        host, f"/etc/tmpfiles.d/windlass-{layout.application}.conf", "app/tmpfiles.conf.j2", {"run": layout.run, "user": user}
    )
    yield Directory(path=layout.run)
    yield Directory(path=layout.locks, owner=user, group=user, mode="0750")
    for slot in SLOTS:
        yield Directory(path=f"{layout.run}/{slot}", owner=user, group=WEB_GROUP, mode="2770")
        yield Link(path=f"{layout.slot(slot)}/run", target=f"{layout.run}/{slot}")


def _logs(host: HostView, layout: Layout, user: str, settings: Settings) -> Iterator[Operation]:
    yield Directory(path=layout.logs, owner=user, group="adm", mode="2750")
    values: dict[str, object] = {"logs": layout.logs, "user": user, "size": settings.log_size, "keep": settings.log_keep}
    yield _template(host, f"/etc/logrotate.d/windlass-{layout.application}", "app/logrotate.j2", values)


def _pm2(host: HostView, layout: Layout, application: Application, settings: Settings) -> Iterator[Operation]:
    """Nothing here restarts the service when its unit changes, because that would end the application; a boot or a person does."""
    unit = f"pm2-{application.name}"
    values: dict[str, object] = {
        "application": application.name,
        "user": application.user,
        "root": layout.root,
        "open_files": settings.open_files,
        "stop_seconds": round(max(process.stop_seconds for process in application.processes.values()) + 30),
    }
    yield _template(host, f"/etc/systemd/system/{unit}.service", "app/pm2.service.j2", values)
    yield Service(name=unit)


def _systemd(host: HostView, layout: Layout, application: Application, settings: Settings) -> Iterator[Operation]:
    """One unit for all its processes; a deploy starts instances of it. A change counts for what is started after it."""
    values: dict[str, object] = {
        "application": application.name,
        "user": application.user,
        "root": layout.root,
        "open_files": settings.open_files,
        "after": "docker.service" if application.runtime == "compose" else "",
    }
    unit = _template(host, f"/etc/systemd/system/{layout.unit}@.service", "app/process.service.j2", values)
    yield unit
    yield Run(command=Command.of("systemctl", "daemon-reload"), name="systemd reads its units again", run_on=(unit,))


def _template(host: HostView, path: str, name: str, values: dict[str, object]) -> Template:
    return Template(path=path, source=host.template(name), name=name, values=values)
