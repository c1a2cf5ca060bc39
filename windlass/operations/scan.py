"""Looking from a host: at the ports of other hosts, and at its own addresses. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan(Operation):
    """Try to open a TCP connection to each port of each address, thousands at once. The result's `data` has `scans`: per address
    `address`, `source` (this host's own address towards it), `open` (ports), `seconds`, and `error` where there is no way.

    addresses      those of other hosts of the environment
    first, last    from this port to that one
    limit_seconds  how long a port may take to answer
    """

    family: ClassVar[str] = "scan"

    addresses: tuple[str, ...]
    first: int = 1
    last: int = 65535
    limit_seconds: float = 1.5

    def title(self) -> str:
        return f"scan {', '.join(self.addresses)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses(Operation):
    """The host's own global addresses of both families: `data` has `addresses`, each with `interface` and `address`."""

    family: ClassVar[str] = "scan"

    def title(self) -> str:
        return "own addresses"
