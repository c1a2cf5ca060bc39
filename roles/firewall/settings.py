"""The settings of the role firewall; what they mean and their values are in defaults.yml."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from windlass.inventory.schema import Entry, Matching, Port
from windlass.plans.firewall import STORES, is_wide


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

    @model_validator(mode="after")
    def _no_store_for_everybody(self) -> MoreOpening:
        wide = next((source for source in self.sources or ("anywhere",) if is_wide(source)), "")
        store = {port: name for name, port in STORES.items()}.get(self.port)
        if store and wide:
            raise ValueError(f"would let {wide} reach {store} (port {self.port}): name the addresses in `sources`")
        return self


class Settings(Entry):
    """See defaults.yml."""

    ssh_ports: tuple[Port, ...]
    ssh_sources: tuple[Network, ...]
    ssh_per_minute: Annotated[int, Field(ge=0, le=100_000)]
    confirm_seconds: Annotated[int, Field(ge=5, le=3600)]
    openings: tuple[MoreOpening, ...]
