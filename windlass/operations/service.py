"""Services of systemd."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(Operation):
    """A systemd unit that runs (or does not), now and after a boot. None leaves it as it is.

    systemd re-reads unit files by itself when they changed. A restart that is due makes a reload needless, and a service
    that has to be started anyway is neither reloaded nor restarted. A service that fails to come up is an error
    with its last lines.

    name           the unit; without a suffix it is a `.service`
    running        it runs now
    enabled        it starts with the system
    masked         it cannot be started at all
    reload_on      reload it when one of these operations changed something, in this run or in an earlier one that broke
    restart_on     or restart it
    limit_seconds  how long start, stop, reload or restart may take
    """

    family: ClassVar[str] = "service"

    name: str
    running: bool | None = True
    enabled: bool | None = True
    masked: bool | None = None
    reload_on: tuple[Operation, ...] = ()
    restart_on: tuple[Operation, ...] = ()
    limit_seconds: float = 120.0

    def title(self) -> str:
        return f"service {self.name}"

    def watched(self) -> Mapping[str, tuple[Operation, ...]]:
        reactions = {"reload": self.reload_on, "restart": self.restart_on}
        return {reaction: operations for reaction, operations in reactions.items() if operations}
