"""What a host is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.operation import Operation

_LABEL = r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostname(Operation):
    """The host's name, now, after a boot, and in its own /etc/hosts, without which sudo waits for a name server.

    name    without a domain
    domain  for the whole name, such as "example.org"; `hostname --fqdn` then says name.example.org
    hosts   keep the line of 127.0.1.1 in /etc/hosts
    """

    family: ClassVar[str] = "hostname"

    name: str
    domain: str = ""
    hosts: bool = True

    def __post_init__(self) -> None:
        if not re.fullmatch(_LABEL, self.name) or (self.domain and not re.fullmatch(rf"{_LABEL}(\.{_LABEL})*", self.domain)):
            raise InventoryError(
                f"{self.name!r} with domain {self.domain!r} cannot be a host's name",
                hint="letters, digits and -, at most 63; the domain apart, in `domain`",
            )

    def title(self) -> str:
        return f"host name {self.name}"
