"""Which ports of a host are open, to whom, and why: worked out from who runs what where."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from windlass.errors import InventoryError
from windlass.plans.certificates import HTTPS

if TYPE_CHECKING:
    from windlass.inventory import Environment, Host

Protocol = Literal["tcp", "udp"]
ANYWHERE = ("anywhere",)
STORES = {"postgresql": 5432, "redis": 6379}


@dataclass(frozen=True, slots=True)
class Opening:
    """New connections to a port are let in: from these addresses (or networks), or from anywhere."""

    port: int
    protocol: Protocol
    sources: tuple[str, ...]
    reason: str


def openings(environment: Environment, host: Host) -> tuple[Opening, ...]:
    """What the environment needs to be open on a host. Its own SSH port comes first.

    Raises InventoryError where a host that must be let in has a name as its private address: a firewall that asks a name
    server at boot is none.
    """
    found = [Opening(host.port, "tcp", ANYWHERE, "SSH"), *_sites(environment, host), *_stores(environment, host)]
    return tuple(_united(found))


def clients(environment: Environment, host: Host) -> tuple[str, ...]:
    """The private addresses of the other hosts that run applications, for what only applications may reach."""
    names = {each.name for application in environment.applications.values() for each in environment.hosts_of(application.hosts)}
    return private_addresses(each for each in environment.hosts.values() if each.name in names and each.name != host.name)


def private_addresses(hosts: Iterable[Host]) -> tuple[str, ...]:
    """The IP addresses under which other hosts see these. Raises InventoryError for one that is a name."""
    return tuple(_numeric(host) for host in hosts)


def family(address: str) -> Literal["ip", "ip6"]:
    """The family of an address or a network, as nftables calls it."""
    return "ip6" if ":" in address else "ip"


def _sites(environment: Environment, host: Host) -> Iterator[Opening]:
    for application in environment.applications.values():
        site = application.site
        if site is None:
            continue
        runs_here = host in environment.hosts_of(application.hosts)
        balancers = environment.hosts_of(site.balancer) if site.balancer else ()
        if host in balancers or (runs_here and not balancers):
            yield Opening(site.port, "tcp", ANYWHERE, f"site of {application.name}")
            if site.tls:
                yield Opening(HTTPS, "tcp", ANYWHERE, f"site of {application.name}")
        others = [each for each in balancers if each.name != host.name]
        if runs_here and others:
            yield Opening(site.local_port, "tcp", private_addresses(others), f"{application.name} for its balancers")


def _stores(environment: Environment, host: Host) -> Iterator[Opening]:
    addresses = clients(environment, host)
    for role in environment.roles_of(host):
        if role in STORES and addresses:
            yield Opening(STORES[role], "tcp", addresses, f"{role} for the applications")


def _united(found: Iterable[Opening]) -> Iterator[Opening]:
    """One opening per port: sites that share a port are told apart by their domains, not by the firewall."""
    by_port: dict[tuple[int, Protocol], list[Opening]] = {}
    for opening in found:
        by_port.setdefault((opening.port, opening.protocol), []).append(opening)
    for (port, protocol), same in by_port.items():
        sources = tuple(dict.fromkeys(source for opening in same for source in opening.sources))
        reason = ", ".join(dict.fromkeys(opening.reason for opening in same))
        yield Opening(port, protocol, ANYWHERE if ANYWHERE[0] in sources else sources, reason)


def _numeric(host: Host) -> str:
    try:
        return str(ipaddress.ip_address(host.private_address))
    except ValueError:
        raise InventoryError(
            f"host {host.name}: {host.private_address!r} is a name, and other hosts' firewalls need its IP address",
            hint="give it as private_address of the host",
        ) from None
