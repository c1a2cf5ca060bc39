"""Unit files of systemd: services, timers, sockets, drop-ins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal

from windlass.errors import InventoryError
from windlass.operations.operation import Operation

SUFFIXES: Final = ("service", "socket", "timer", "target", "path", "mount", "automount", "swap", "slice")
OnChange = Literal["restart", "reload", "nothing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemdUnit(Operation):
    """A unit file (or a drop-in of one) in /etc/systemd/system, and what becomes of the unit: enabled, running, restarted.

    systemd examines the file before it is installed, and reads its files again exactly when this one changed. A restart that
    is due and could not be done is done by the next run.

    name           with its suffix, such as backup.timer
    content        the file's text
    drop_in        the name of a drop-in: the file is NAME.d/DROP_IN.conf, and the unit itself is another's
    running        it runs now; None leaves it as it is
    enabled        it starts with the system; None leaves it as it is
    on_change      what a unit that runs gets when its file changed: restart, reload (where it can), nothing
    verify         have systemd-analyze examine it first; a program that ExecStart names must then be there already
    absent         stopped, disabled, its file and its drop-ins gone; with `drop_in` only that file
    limit_seconds  how long start, stop, reload or restart may take
    """

    family: ClassVar[str] = "unit"

    name: str
    content: str = ""
    drop_in: str = ""
    running: bool | None = True
    enabled: bool | None = True
    on_change: OnChange = "restart"
    verify: bool = True
    absent: bool = False
    limit_seconds: float = 120.0

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.drop_in and not re.fullmatch(r"[A-Za-z0-9_.-]+", self.drop_in):
            raise InventoryError(f"{self.drop_in!r} cannot name a drop-in", hint="letters, digits, - _ and ., without a folder")
        if self.absent:
            return
        if not self.content.strip():
            raise InventoryError(f"unit {self.name} has no content", hint="give its text, or absent=True")
        if "@." in self.name and (self.running is not None or self.enabled is not None):
            raise InventoryError(
                f"{self.name} is a template, which can neither run nor be enabled",
                hint="give running=None, enabled=None, and a Service for each instance",
            )

    def title(self) -> str:
        what = f"drop-in {self.drop_in} of {self.name}" if self.drop_in else f"unit {self.name}"
        return f"{'no ' if self.absent else ''}{what}"

    def arguments(self) -> Mapping[str, object]:
        path = f"{self.name}.d/{self.drop_in.removesuffix('.conf')}.conf" if self.drop_in else self.name
        files = {path: self.content}
        return {"files": files, **unit_arguments(self, self.name, whole=not self.drop_in), "on_change": self.on_change}


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemdTimer(Operation):
    """A job that systemd starts by the clock: NAME.service, which runs the command, and NAME.timer, which is enabled and running.

    Unlike a job of cron it never runs twice at once, its output is in the journal, and what a powered-off host missed is made up.

    name           of both units, without a suffix
    command        the words of ExecStart=; begin it with the path of the program
    calendar       when, as systemd writes it: "daily", "Mon..Fri 02:30", "*-*-01 04:00"
    user           who runs it
    environment    variables of the job; no secrets, everybody may read them
    persistent     after a boot, run at once what was missed meanwhile
    random_delay   up to how long to wait at random, such as "10min", so that many hosts do not begin together
    running        the timer is started now
    enabled        and with the system
    verify         have systemd-analyze examine both first
    absent         there should be no such job
    limit_seconds  how long systemd may take; the job itself has no limit
    """

    family: ClassVar[str] = "unit"

    name: str
    command: str = ""
    calendar: str = ""
    user: str = "root"
    environment: Mapping[str, str] = field(default_factory=dict)
    persistent: bool = True
    random_delay: str = ""
    running: bool | None = True
    enabled: bool | None = True
    verify: bool = True
    absent: bool = False
    limit_seconds: float = 120.0

    def __post_init__(self) -> None:
        check_name(f"{self.name}.timer")
        if self.absent:
            return
        if not self.command.startswith("/") or not self.calendar.strip():
            raise InventoryError(
                f"timer {self.name} needs a command that begins with the path of a program, and a calendar",
                hint='command="/usr/local/bin/tidy --all", calendar="daily"',
            )
        texts = (self.command, self.calendar, self.random_delay, *self.environment.values())
        if any("\n" in text for text in texts):
            raise InventoryError(f"timer {self.name}: a value has more than one line", hint="put more into a script and call that")

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}timer {self.name}"

    def arguments(self) -> Mapping[str, object]:
        files = {f"{self.name}.service": self._service(), f"{self.name}.timer": self._timer()}
        return {"files": files, **unit_arguments(self, f"{self.name}.timer", whole=True), "on_change": "restart"}

    def _service(self) -> str:
        variables = "".join(f"Environment={_quoted(f'{name}={value}')}\n" for name, value in self.environment.items())
        return (
            f"# Written by Windlass: changes made here are lost.\n[Unit]\nDescription=Job {self.name}\n\n"
            f"[Service]\nType=oneshot\nUser={self.user}\n{variables}ExecStart={self.command}\n"
        )

    def _timer(self) -> str:
        delay = f"RandomizedDelaySec={self.random_delay}\n" if self.random_delay else ""
        return (
            f"# Written by Windlass: changes made here are lost.\n[Unit]\nDescription=Starts job {self.name}\n\n"
            f"[Timer]\nOnCalendar={self.calendar}\nPersistent={str(self.persistent).lower()}\n{delay}\n"
            "[Install]\nWantedBy=timers.target\n"
        )


def check_name(name: str) -> None:
    """Raises InventoryError for what is not the name of a unit."""
    if not re.fullmatch(r"[A-Za-z0-9:_.\\@-]+", name) or name.rpartition(".")[2] not in SUFFIXES:
        raise InventoryError(f"{name!r} cannot name a unit", hint=f"end it in one of {', '.join('.' + each for each in SUFFIXES)}")


def unit_arguments(operation: SystemdUnit | SystemdTimer, name: str, *, whole: bool) -> Mapping[str, object]:
    """What the host wants to know of either. `whole`: the unit's own file is among those written."""
    return {
        "name": name,
        "whole": whole,
        "running": operation.running,
        "enabled": operation.enabled,
        "verify": operation.verify,
        "absent": operation.absent,
        "limit_seconds": operation.limit_seconds,
    }


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
