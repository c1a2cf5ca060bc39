"""The settings of the role firewall; what they mean and their values are in defaults.yml."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator

from windlass.inventory.schema import Entry, Matching, Port


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value)) if "/" in value else str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError(f"should be an IP address or a network such as 192.0.2.0/24, not {value!r}") from None


Network = Annotated[str, AfterValidator(_network)]
Reason = Annotated[str, Matching(r"[^\"\\\n]{1,100}", "at most 100 characters without quotes and backslashes")]


class MoreOpening(Entry):
    """A port that is open besides those that the topology needs."""

    port: Port
    protocol: Literal["tcp", "udp"] = "tcp"
    sources: tuple[Network, ...] = ()
    """Addresses and networks; none: anywhere"""
    reason: Reason
    """What it is for; it stands beside the rule"""


class Settings(Entry):
    """See defaults.yml."""

    ssh_ports: tuple[Port, ...]
    ssh_sources: tuple[Network, ...]
    openings: tuple[MoreOpening, ...]
