"""The addresses of hosts, as they are reached from here and from each other, both families."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from windlass.agent.core import scanner
from windlass.plans.firewall import family

if TYPE_CHECKING:
    from windlass.inventory import Host

BRIDGES = ("docker", "br-", "veth", "lo")  # networks of a host's own, whose addresses nobody else can reach


@dataclass(frozen=True, slots=True)
class Known:
    """The addresses of a host, as others reach it: from outside, and from the environment's other hosts."""

    outside: tuple[str, ...]
    inside: tuple[str, ...]


def known_addresses(host: Host, own: Sequence[Mapping[str, str]], *, lab: bool) -> Known:
    """The inventory's addresses, and those of IPv6 that the host itself says (`Addresses`) it has besides.

    A lab's addresses of IPv6 count from outside only where this machine is on the same network: nobody else may get such packets.
    """
    more = [each["address"] for each in own if family(each["address"]) == "ip6" and not each["interface"].startswith(BRIDGES)]
    outside = [] if host.jump else numbers(host.address)
    reached = [each for each in more if not lab or _is_near(each)] if outside else []
    return Known(_once([*outside, *reached]), _once([*numbers(host.private_address), *more]))


def _is_near(address: str) -> bool:
    try:
        source = scanner.source_towards(address)
    except scanner.Unreachable:
        return False
    return ipaddress.ip_address(source) in ipaddress.ip_network(f"{address}/64", strict=False)


def _once(addresses: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(addresses))


def numbers(name: str) -> list[str]:
    """The addresses that a name has; none where it has none."""
    try:
        return [str(ipaddress.ip_address(name))]
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(entry[4][0]) for entry in found]
