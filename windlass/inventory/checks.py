"""Checks of an inventory's entries against each other: what they name exists, and nothing is claimed twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from windlass.errors import UsageError
from windlass.inventory.draft import Draft
from windlass.inventory.environment import Environment
from windlass.inventory.faults import Faults, did_you_mean
from windlass.inventory.located import KeyPath
from windlass.inventory.ports import check_ports
from windlass.inventory.selection import ALL
from windlass.inventory.store_checks import check_stores, store_templates
from windlass.inventory.variables import undeclared

if TYPE_CHECKING:
    from windlass.inventory.applications import Application

_SECRET = re.compile(r"\bsecrets(?:\.([A-Za-z_]\w*)|\[\s*['\"]([^'\"]+)['\"]\s*\])")
_OF_SLOT = re.compile(r"\{[{%][^}]*(?<![.\w'\"])(slot|listen|instance)\b")


def check(environment: Environment, parts: Draft, faults: Faults) -> None:
    """All checks that need more than one entry."""
    _Checks(environment, parts, faults).run()


class _Checks:
    def __init__(self, environment: Environment, parts: Draft, faults: Faults) -> None:
        self.environment = environment
        self.parts = parts
        self.faults = faults

    def run(self) -> None:
        self._names()
        self._addresses()
        self._jumps()
        self._roles()
        self._backups()
        for application in self.environment.applications.values():
            self._application(application)
            self._commands(application)
        self._templates()
        check_stores(self.environment, self.parts.names("stores"), self.faults)
        check_ports(self.environment, self.faults)

    def _fault(self, path: KeyPath, text: str) -> None:
        self.faults.add(self.environment.tree.place(path), path, text)

    def _names(self) -> None:
        for name in set(self.parts.names("hosts")) & {*self.parts.names("groups"), ALL}:
            other = f"the group in {self.environment.place('groups', name)}" if name != ALL else "the group of all hosts"
            self._fault(("hosts", name), f"has the name of {other}: --limit {name} would mean both")

    def _addresses(self) -> None:
        first: dict[tuple[str, int, str], str] = {}
        for host in self.environment.hosts.values():
            key = (host.address, host.port, host.jump)
            other = first.setdefault(key, host.name)
            if other != host.name:
                where = self.environment.place("hosts", other, "address")
                self._fault(("hosts", host.name, "address"), f"{host.address}:{host.port} is the address of {other} too ({where})")

    def _jumps(self) -> None:
        names = self.parts.names("hosts")
        for host in self.environment.hosts.values():
            path = ("hosts", host.name, "jump")
            if host.jump and host.jump not in names:
                self._fault(path, f"no host is called {host.jump!r}{did_you_mean(host.jump, names)}")
            way = [host.name]
            at = host
            while at.jump in self.environment.hosts:
                way.append(at.jump)
                at = self.environment.hosts[at.jump]
                if at.name == host.name:
                    self._fault(path, f"leads in a circle: {' → '.join(way)}")
                if at.name in way[:-1]:
                    break

    def _roles(self) -> None:
        known = self.environment.roles
        for group in self.parts.groups.values():
            for number, role in enumerate(group.roles):
                if role not in known:
                    self._fault(("groups", group.name, "roles", number), f"no role is called {role!r}{did_you_mean(role, known)}")

    def _backups(self) -> None:
        names = self.parts.names("hosts")
        for backup in self.environment.backups.values():
            if backup.host not in names:
                self._fault(
                    ("backups", backup.name, "host"), f"no host is called {backup.host!r}{did_you_mean(backup.host, names)}"
                )

    def _application(self, application: Application) -> None:
        path: KeyPath = ("applications", application.name)
        self._pattern((*path, "hosts"), application.hosts)
        if application.site and application.site.balancer:
            self._pattern((*path, "site", "balancer"), application.site.balancer)
        self._tls(application)
        self._source((*path, "source", "path"), application)
        for folder in application.shared:
            outer = [other for other in application.shared if folder.startswith(f"{other}/")]
            if outer:
                self._fault(
                    (*path, "shared", application.shared.index(folder)),
                    f"is inside {outer[0]}, which is shared as a whole: leave it out",
                )

    def _source(self, path: KeyPath, application: Application) -> None:
        from windlass.inventory.sources import PathSource  # noqa: PLC0415 - loaded where there are applications

        source = application.source
        if isinstance(source, PathSource) and not (self.environment.project / source.path).is_dir():
            self._fault(path, f"there is no folder {source.path} in the project")

    def _tls(self, application: Application) -> None:
        site = application.site
        if site is None or site.tls is None or not {"nginx", "certificates"} <= set(self.environment.roles):
            return
        try:
            hosts = self.environment.hosts_of(site.balancer or application.hosts)
        except UsageError:
            return  # the pattern is a fault already
        for host in hosts:
            missing = [role for role in ("nginx", "certificates") if role not in self.environment.roles_of(host)]
            if missing:
                text = f"needs the role {' and '.join(missing)} on {host.name}, which the public reaches"
                self._fault(("applications", application.name, "site", "tls"), text)

    def _pattern(self, path: KeyPath, pattern: str) -> None:
        if set(self.parts.names("hosts")) != set(self.environment.hosts):
            return  # a host with faults would be called unknown here
        try:
            self.environment.hosts_of(pattern)
        except UsageError as error:
            self._fault(path, f"{error.message} ({error.hint})")

    def _templates(self) -> None:
        declared = self.parts.names("secrets")
        for path, text, of_slot in self._template_texts():
            for match in _SECRET.finditer(text) if "{" in text else ():
                name = match[1] or match[2]
                if name not in declared:
                    self._fault(path, undeclared(name, declared))
            used = None if of_slot else _OF_SLOT.search(text)
            if used:
                self._fault(path, f"{used[1]} is known for a process only: give this in the `environment:` of a process")

    def _commands(self, application: Application) -> None:
        for process in application.processes.values():
            if _SECRET.search(process.command):
                path = ("applications", application.name, "processes", process.name, "command")
                self._fault(path, "should not hold a secret, which every user of the host would see: give it in `environment:`")

    def _template_texts(self) -> Iterator[tuple[KeyPath, str, bool]]:
        """Each template, and whether it is filled for one slot (or for the release, which either slot may run)."""
        yield from ((path, text, False) for path, text in store_templates(self.environment.stores))
        for name, application in self.environment.applications.items():
            path: KeyPath = ("applications", name)
            for section, texts in (("environment", application.environment), ("files", application.files)):
                yield from (((*path, section, key), text, False) for key, text in texts.items())
            for process in application.processes.values():
                inner = (*path, "processes", process.name, "environment")
                yield from (((*inner, key), text, True) for key, text in process.environment.items())
        for name, backup in self.environment.backups.items():
            yield ("backups", name, "ping"), backup.ping, False
        notify, at = self.environment.notify, ("environment", "notify")
        yield (*at, "webhook"), notify.webhook, False
        if notify.email and notify.email.smtp:
            yield (*at, "email", "smtp", "password"), notify.email.smtp.password, False
