"""Who listens where: refuses two applications that would claim one port, or one name, of the same host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from windlass.errors import UsageError
from windlass.inventory.environment import Environment
from windlass.inventory.faults import Faults
from windlass.inventory.located import KeyPath

if TYPE_CHECKING:
    from windlass.inventory.applications import Application

HTTPS = 443


@dataclass(frozen=True, slots=True)
class _Claim:
    """One port of one host. A site shares its port with sites that are asked by other names."""

    host: str
    port: int
    path: KeyPath
    what: str
    domains: tuple[str, ...] | None = None

    def clashes(self, other: _Claim) -> bool:
        if self.domains is None or other.domains is None:
            return True
        return bool(set(self.domains) & set(other.domains)) or (not self.domains and not other.domains)


def check_ports(environment: Environment, faults: Faults) -> None:
    """Compare what all applications claim on each host."""
    taken: dict[tuple[str, int], list[_Claim]] = {}
    for claim in _claims(environment):
        others = taken.setdefault((claim.host, claim.port), [])
        for other in others:
            if claim.clashes(other):
                where = environment.tree.place(other.path)
                same = "" if claim.domains is None or other.domains is None else f" for {_asked(claim, other)}"
                faults.add(
                    environment.tree.place(claim.path),
                    claim.path,
                    f"port {claim.port} of {claim.host} is {other.what}{same} ({where}): choose another",
                )
                break
        others.append(claim)


def _asked(claim: _Claim, other: _Claim) -> str:
    common = sorted(set(claim.domains or ()) & set(other.domains or ()))
    return ", ".join(common) or "every name (neither site has domains)"


def _claims(environment: Environment) -> Iterator[_Claim]:
    for server in environment.hosts.values():
        yield _Claim(server.name, server.port, ("hosts", server.name, "port"), f"the SSH server of {server.name}")
    for application in environment.applications.values():
        hosts = _names(environment, application.hosts)
        yield from _slot_claims(application, hosts)
        yield from _site_claims(environment, application, hosts)


def _slot_claims(application: Application, hosts: tuple[str, ...]) -> Iterator[_Claim]:
    """Of several instances each takes the next port."""
    if application.static:
        return
    web = application.web
    for slot, first in (("blue", web.ports.blue), ("green", web.ports.green)) if web.ports else ():
        path = ("applications", application.name, "processes", web.name, "ports", slot)
        for port in range(first, first + web.instances):
            yield from (_Claim(host, port, path, f"the {slot} slot of {application.name}") for host in hosts)


def _site_claims(environment: Environment, application: Application, hosts: tuple[str, ...]) -> Iterator[_Claim]:
    site = application.site
    if site is None:
        return
    path: KeyPath = ("applications", application.name, "site")
    what = f"the site of {application.name}"
    for host in _names(environment, site.balancer) if site.balancer else hosts:
        yield _Claim(host, site.port, (*path, "port"), what, site.domains)
        if site.tls:
            yield _Claim(host, HTTPS, (*path, "tls"), what, site.domains)
    for host in hosts if site.balancer else ():
        yield _Claim(host, site.local_port, (*path, "local_port"), what, site.domains)


def _names(environment: Environment, pattern: str) -> tuple[str, ...]:
    try:
        return tuple(host.name for host in environment.hosts_of(pattern))
    except UsageError:
        return ()  # the pattern is a fault already
