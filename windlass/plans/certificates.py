"""Which certificates an environment needs, who gets them, and what has to be true before an authority is asked."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from windlass.inventory import Application, Environment, Host

HTTPS = 443
FOLDER = "/etc/windlass/certificates"
WEBROOT = "/var/www/acme-challenge"
CHALLENGES = "/.well-known/acme-challenge/"
PROGRAM = "/usr/local/sbin/windlass-certificates"


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate per site, the same on all hosts that the public reaches. The first of them gets it.

    name     the application's
    domains  what it has to be valid for
    hosts    which hosts serve it, in the inventory's order
    """

    name: str
    domains: tuple[str, ...]
    hosts: tuple[Host, ...]

    @property
    def issuer(self) -> Host:
        """The host that asks the authority, renews, and answers its questions."""
        return self.hosts[0]

    @property
    def home(self) -> str:
        """Its folder on a host: one folder for each version, and `live`, a link to the one that nginx uses."""
        return f"{FOLDER}/{self.name}"

    @property
    def live(self) -> str:
        return f"{self.home}/live"

    def source(self, host: Host) -> str:
        """Where a host installs it from: certbot's folder, or the one that the controller brings it to."""
        return f"/etc/letsencrypt/live/{self.name}" if host == self.issuer else f"{self.home}/source"


def certificates(environment: Environment) -> tuple[Certificate, ...]:
    """All that the environment's sites need."""
    found = (certificate(environment, application) for application in environment.applications.values())
    return tuple(each for each in found if each)


def certificate(environment: Environment, application: Application) -> Certificate | None:
    """The one of an application's site; None where it has no TLS."""
    site = application.site
    if site is None or site.tls is None:
        return None
    return Certificate(application.name, site.domains, environment.hosts_of(site.balancer or application.hosts))


def late(begins: datetime, ends: datetime, now: datetime) -> bool:
    """Whether it should have been renewed by now: less than a quarter of its life is left, and renewal is due after two thirds."""
    return ends - now < (ends - begins) / 4


def obstacles(domain: str, found: Mapping[str, str], hosts: Sequence[Host], *, unresolved: str = "") -> tuple[str, ...]:
    """Why an authority would refuse a name; empty when nothing speaks against it.

    found       each address that the name leads to, and what is wrong with fetching the token there; empty: it came
    unresolved  why the name leads nowhere
    """
    if unresolved or not found:
        return (f"{domain} has no address: {unresolved or 'the name server knows none'}",)
    return tuple(f"{domain} leads to {_place(address, hosts)}: {wrong}" for address, wrong in found.items() if wrong)


def _place(address: str, hosts: Sequence[Host]) -> str:
    owner = next((host.name for host in hosts if _same(host.address, address)), "")
    return f"{address} ({owner})" if owner else f"{address}, which is not the address of {' or '.join(host.name for host in hosts)}"


def _same(left: str, right: str) -> bool:
    try:
        return ipaddress.ip_address(left) == ipaddress.ip_address(right)
    except ValueError:
        return False
