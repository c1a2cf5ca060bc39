"""Processes under PM2. One PM2 a user, started by systemd; entries are never changed, only made anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Pm2Process:
    """An entry of PM2's list: a launcher that ends in `exec`, run in a folder that is a real path."""

    name: str
    launcher: str
    folder: str
    log: str
    stop_seconds: float
    memory: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pm2Start(Operation):
    """Start these processes afresh. Entries whose names begin with `replaces` are deleted first: nothing of them survives.

    PM2's list is saved after it, so that a reboot brings back what runs now.

    limit_seconds  how long PM2 may take; what is replaced may use its time to stop
    """

    family: ClassVar[str] = "pm2"

    user: str
    home: str
    replaces: str
    processes: tuple[Pm2Process, ...]
    limit_seconds: float = 60.0

    def title(self) -> str:
        return f"pm2 start {' '.join(process.name for process in self.processes)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pm2Control(Operation):
    """Stop, start, restart, delete or only save entries: those with these names, and those whose names begin with `prefix`.

    `start` leaves alone what runs; `stop` ends when they have ended, or were killed because their time was up.

    Names that PM2 does not know are passed over. PM2's list is saved after it, so that a reboot brings back what runs now.
    Data: `names` of the entries it was done to.

    limit_seconds  how long PM2 may take; it waits for each process that has to stop
    """

    family: ClassVar[str] = "pm2"

    user: str
    home: str
    action: str
    names: tuple[str, ...] = ()
    prefix: str = ""
    limit_seconds: float = 60.0

    def title(self) -> str:
        return f"pm2 {self.action} {self.prefix + '*' if self.prefix else ' '.join(self.names)}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pm2List(Operation):
    """What PM2 runs. Data: `processes`, each with name, status, pid, restarts, uptime, memory, memory_limit, cpu, folder."""

    family: ClassVar[str] = "pm2"

    user: str
    home: str

    def title(self) -> str:
        return "pm2 list"


@dataclass(frozen=True, slots=True, kw_only=True)
class TailLogs(Operation):
    """The last lines of log files. Data: `lines` for each path."""

    family: ClassVar[str] = "pm2"

    paths: tuple[str, ...]
    lines: int = 50

    def title(self) -> str:
        return f"last {self.lines} lines of {len(self.paths)} logs"
