"""Locks that a host frees by itself when their holder is gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease(Operation):
    """Hold a lock until the connection ends. Fails if somebody else holds it, saying who, since when and what for.

    The lock is a `flock(2)` of the agent's own process: the kernel frees it when that ends. An agent that lost its connection keeps
    it for as long as its controller may come back, unless that is dead and a later run of the same machine asks for the lock.

    wait_seconds  how long to wait for it; a holder that has just died is gone within a second
    """

    family: ClassVar[str] = "lease"

    name: str
    holder: str
    purpose: str
    wait_seconds: float = 0.0

    def title(self) -> str:
        return f"lock {self.name}"
