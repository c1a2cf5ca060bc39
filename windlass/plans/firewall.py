"""Which ports of a host are open, to whom, and why: worked out from who runs what where."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from windlass.errors import InventoryError
from windlass.plans.certificates import HTTPS

if TYPE_CHECKING:
    from windlass.inventory import Environment, Host
    from windlass.plans.topology import HostView

Transport = Literal["tcp", "udp"]
ANYWHERE = ("anywhere",)
STORES = {"postgresql": 5432, "redis": 6379}
WIDEST = {4: 8, 6: 16}  # a network with a shorter prefix is no longer somebody's: it is anywhere


@dataclass(frozen=True, slots=True)
class Opening:
    """New connections to a port are let in: from these addresses (or networks), or from anywhere.

    at_times   something listens only now and then: that nobody does is no fault
    """

    port: int
    protocol: Transport
    sources: tuple[str, ...]
    reason: str
    at_times: bool = False


class More(Protocol):
    """An opening that the settings ask for."""

    @property
    def port(self) -> int: ...
    @property
    def protocol(self) -> Transport: ...
    @property
    def sources(self) -> tuple[str, ...]: ...
    @property
    def reason(self) -> str: ...


class Wishes(Protocol):
    """The settings of the role firewall."""

    @property
    def ssh_ports(self) -> tuple[int, ...]: ...
    @property
    def ssh_sources(self) -> tuple[str, ...]: ...
    @property
    def openings(self) -> Sequence[More]: ...


def compiled(host: HostView, wishes: Wishes) -> tuple[Opening, ...]:
    """All that is open on a host: what the environment needs, and what its settings ask for besides. SSH comes first."""
    ssh, *others = openings(host.environment, host.environment.host(host.name))
    sources = _ssh_sources(host, wishes)
    more = [Opening(each.port, each.protocol, each.sources or ANYWHERE, each.reason) for each in wishes.openings]
    return (*(Opening(port, "tcp", sources, ssh.reason) for port in ssh_ports(host, wishes)), *others, *more)


def ssh_ports(host: HostView, wishes: Wishes) -> tuple[int, ...]:
    """The ports of SSH, the inventory's first."""
    return tuple(dict.fromkeys((host.environment.host(host.name).port, *wishes.ssh_ports)))


def _ssh_sources(host: HostView, wishes: Wishes) -> tuple[str, ...]:
    """The networks that are wanted, and in any case the jump host through which we come; a twin has a network of its own."""
    if not wishes.ssh_sources:
        return ANYWHERE
    if host.surroundings.ssh_network:
        return (host.surroundings.ssh_network,)
    jump = host.environment.host(host.name).jump
    return (*wishes.ssh_sources, *private_addresses([host.environment.host(jump)] if jump else []))


def rules(doors: Iterable[Opening], *, published: bool = False) -> list[dict[str, str]]:
    """Openings as nftables matches them; with `published`, by the port before it was translated to a container's."""
    return [rule for door in doors for rule in _rules(door, published=published)]


def _rules(door: Opening, *, published: bool) -> Iterator[dict[str, str]]:
    """One rule for anywhere; otherwise one for each family of addresses, because nftables keeps them apart."""
    match = f"{door.protocol} dport {door.port}"
    if published:
        match = f"meta l4proto {door.protocol} ct original proto-dst {door.port}"
    if door.sources == ANYWHERE:
        yield {"match": match, "comment": door.reason}
        return
    for kind in ("ip", "ip6"):
        same = [source for source in door.sources if family(source) == kind]
        if same:
            yield {"match": f"{kind} saddr {{ {', '.join(_disjoint(same))} }} {match}", "comment": door.reason}


def _disjoint(sources: list[str]) -> Iterator[str]:
    """The same addresses without any twice: nftables refuses a set in which one network holds another."""
    networks: list[Any] = [ipaddress.ip_network(source) for source in sources]
    for network in ipaddress.collapse_addresses(networks):
        yield str(network.network_address if network.num_addresses == 1 else network)


def is_wide(source: str) -> bool:
    """Whether a source is anybody's: anywhere, or a network so large that it comes to the same."""
    if source == ANYWHERE[0]:
        return True
    network = ipaddress.ip_network(source)
    return network.prefixlen < WIDEST[network.version]


def openings(environment: Environment, host: Host) -> tuple[Opening, ...]:
    """What the environment needs to be open on a host. Its own SSH port comes first.

    Raises InventoryError where a host that must be let in has a name as its private address: a firewall that asks a name
    server at boot is none.
    """
    found = [
        Opening(host.port, "tcp", ANYWHERE, "SSH"),
        *_sites(environment, host),
        *_stores(environment, host),
        *_vaults(environment, host),
    ]
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


def _vaults(environment: Environment, host: Host) -> Iterator[Opening]:
    """A host that stores backups lets those hosts in whose backups come to it."""
    for store in environment.stores.values():
        if store.host != host.name:
            continue
        names = {backup.host for backup in environment.backups.values() if store.name in backup.stores}
        senders = private_addresses(each for each in environment.hosts.values() if each.name in names)
        if senders:
            yield Opening(store.port, "tcp", senders, f"backups to {store.name}", at_times=True)


def _united(found: Iterable[Opening]) -> Iterator[Opening]:
    """One opening per port: sites that share a port are told apart by their domains, not by the firewall."""
    by_port: dict[tuple[int, Transport], list[Opening]] = {}
    for opening in found:
        by_port.setdefault((opening.port, opening.protocol), []).append(opening)
    for (port, protocol), same in by_port.items():
        sources = tuple(dict.fromkeys(source for opening in same for source in opening.sources))
        reason = ", ".join(dict.fromkeys(opening.reason for opening in same))
        at_times = all(opening.at_times for opening in same)
        yield Opening(port, protocol, ANYWHERE if ANYWHERE[0] in sources else sources, reason, at_times)


def _numeric(host: Host) -> str:
    try:
        return str(ipaddress.ip_address(host.private_address))
    except ValueError:
        raise InventoryError(
            f"host {host.name}: {host.private_address!r} is a name, and other hosts' firewalls need its IP address",
            hint="give it as private_address of the host",
        ) from None
