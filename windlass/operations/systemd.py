"""Processes as units of systemd: instances of the application's own template unit, which the role `app` writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemdProcess:
    """An instance such as `blue-web-0` of the application's unit: its launcher, and what differs from process to process."""

    name: str
    launcher: str
    stop_seconds: float
    memory: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemdStart(Operation):
    """Start these instances afresh. Those that begin with `replaces` are stopped and removed first: nothing of them survives.

    They are enabled, too, so that a reboot brings back what runs now.

    template       the unit without `@`, such as windlass-notes
    limit_seconds  how long systemd may take; what is replaced may use its time to stop
    """

    family: ClassVar[str] = "systemd"

    template: str
    replaces: str
    processes: tuple[SystemdProcess, ...]
    limit_seconds: float = 60.0

    def title(self) -> str:
        return f"systemd start {' '.join(process.name for process in self.processes)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemdControl(Operation):
    """Stop, start, restart or delete instances: those with these names, and those whose names begin with `prefix`.

    Names that are not there are passed over. A boot brings back what was started last and not stopped since.
    Data: `names` of the instances it was done to.

    limit_seconds  how long systemd may take; it waits for the slowest process that has to stop
    """

    family: ClassVar[str] = "systemd"

    template: str
    action: str
    names: tuple[str, ...] = ()
    prefix: str = ""
    limit_seconds: float = 60.0

    def title(self) -> str:
        return f"systemd {self.action} {self.prefix + '*' if self.prefix else ' '.join(self.names)}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemdState(Operation):
    """What runs of a template. Data: `processes`, each with name, status, pid, restarts, uptime, memory, memory_limit, cpu."""

    family: ClassVar[str] = "systemd"

    template: str

    def title(self) -> str:
        return f"systemd list {self.template}"
