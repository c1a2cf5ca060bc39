"""Whatever supervises an application's processes: one small interface, and the operations that it comes to.

A process is known by its name, such as `shop-blue-web-0`; what a supervisor makes of that is its own affair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from windlass.errors import UsageError
from windlass.flows.deployment import containers
from windlass.operations.operation import Operation
from windlass.operations.pm2 import Pm2Control, Pm2List, Pm2Process, Pm2Start
from windlass.operations.service import Service
from windlass.operations.systemd import SystemdControl, SystemdProcess, SystemdStart, SystemdState
from windlass.plans.layout import Layout

if TYPE_CHECKING:
    from windlass.inventory import Application

OWN_SECONDS = 60.0  # for all that a supervisor does itself
Action = Literal["stop", "start", "restart", "delete", "save"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One process of a slot, as a supervisor has to know it."""

    name: str
    launcher: str
    folder: str
    log: str
    stop_seconds: float
    memory: str = ""


class Supervisor(Protocol):
    """What starts processes, keeps them running, and brings back after a boot what ran before it."""

    @property
    def writes_logs(self) -> bool:
        """Whether it writes what the processes print to their logs; if not, their launchers do."""

    def ready(self) -> tuple[Operation, ...]:
        """See that it is at work itself: a host that has just been started may not have come that far."""

    def start(self, prefix: str, programs: Sequence[Program]) -> tuple[Operation, ...]:
        """Start programs afresh; those whose names begin with `prefix` end, and nothing of them survives."""

    def control(self, action: Action, names: Sequence[str] = (), prefix: str = "") -> tuple[Operation, ...]:
        """Do something to the processes with these names, and to those whose names begin with `prefix`; others are passed over."""

    def listing(self) -> Operation:
        """What runs. Data: `processes`, each with name, status, pid, restarts, uptime, memory, memory_limit and cpu."""


@dataclass(frozen=True, slots=True)
class Pm2:
    """PM2, one for each application's user, itself a service of systemd's."""

    application: str
    user: str
    limit_seconds: float

    writes_logs = True

    @property
    def home(self) -> str:
        return Layout(self.application).root

    def ready(self) -> tuple[Operation, ...]:
        return (Service(name=f"pm2-{self.application}"),)  # PM2's command line would else start one outside of systemd's care

    def start(self, prefix: str, programs: Sequence[Program]) -> tuple[Operation, ...]:
        entries = tuple(
            Pm2Process(
                name=each.name,
                launcher=each.launcher,
                folder=each.folder,
                log=each.log,
                stop_seconds=each.stop_seconds,
                memory=each.memory,
            )
            for each in programs
        )
        return (
            *self.ready(),
            Pm2Start(user=self.user, home=self.home, replaces=prefix, processes=entries, limit_seconds=self.limit_seconds),
        )

    def control(self, action: Action, names: Sequence[str] = (), prefix: str = "") -> tuple[Operation, ...]:
        return (
            Pm2Control(
                user=self.user,
                home=self.home,
                action=action,
                names=tuple(names),
                prefix=prefix,
                limit_seconds=self.limit_seconds,
            ),
        )

    def listing(self) -> Operation:
        return Pm2List(user=self.user, home=self.home)


@dataclass(frozen=True, slots=True)
class Systemd:
    """systemd itself: each process is an instance of the application's unit, `windlass-shop@blue-web-0.service`."""

    application: str
    limit_seconds: float

    writes_logs = False  # it would open them as root, in a folder where the application may lay links

    @property
    def template(self) -> str:
        return Layout(self.application).unit

    def _instance(self, name: str) -> str:
        return name.removeprefix(f"{self.application}-")

    def ready(self) -> tuple[Operation, ...]:
        return ()

    def start(self, prefix: str, programs: Sequence[Program]) -> tuple[Operation, ...]:
        processes = tuple(
            SystemdProcess(
                name=self._instance(each.name), launcher=each.launcher, stop_seconds=each.stop_seconds, memory=each.memory
            )
            for each in programs
        )
        replaces = self._instance(prefix)
        return (SystemdStart(template=self.template, replaces=replaces, processes=processes, limit_seconds=self.limit_seconds),)

    def control(self, action: Action, names: Sequence[str] = (), prefix: str = "") -> tuple[Operation, ...]:
        if action == "save":  # what a boot brings back is written down whenever something is started or stopped
            return ()
        return (
            SystemdControl(
                template=self.template,
                action=action,
                names=tuple(self._instance(name) for name in names),
                prefix=self._instance(prefix) if prefix else "",
                limit_seconds=self.limit_seconds,
            ),
        )

    def listing(self) -> Operation:
        return SystemdState(template=self.template)


@dataclass(frozen=True, slots=True)
class Nothing:
    """For an application that is only files: there is nothing to supervise."""

    application: str

    writes_logs = True

    def ready(self) -> tuple[Operation, ...]:
        return ()

    def start(self, prefix: str, programs: Sequence[Program]) -> tuple[Operation, ...]:  # noqa: ARG002
        return ()

    def control(self, action: Action, names: Sequence[str] = (), prefix: str = "") -> tuple[Operation, ...]:  # noqa: ARG002
        return ()

    def listing(self) -> Operation:
        raise UsageError(f"{self.application} is only files: it has no processes", hint="invoke status shows what it serves")


def supervisor_of(application: Application, kind: str = "") -> Supervisor:
    """What supervises an application's processes; `kind` is what supervised those that are there, if it is another one."""
    if application.static:
        return Nothing(application.name)
    limit = limit_of(application)
    if (kind or application.supervisor) == "systemd":
        return Systemd(application.name, limit)
    return Pm2(application.name, application.user, limit)


def limit_of(application: Application) -> float:
    """How long a supervisor may take for a slot, in seconds: PM2 stops one process after the other, each may finish its work."""
    own = containers.own_seconds(application)
    return OWN_SECONDS + sum((process.stop_seconds + own) * process.instances for process in application.processes.values())
