"""What holds for an application whose processes are services of a compose.yml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from windlass.inventory.applications import Application

UP = "docker compose up"  # what stands for the command of such a process; what is really run is in plans/containers.py


def with_services(application: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same, as it was read, with the services of each process. Raises ValueError for a process that has a command."""
    processes = application.get("processes")
    if not isinstance(processes, dict):
        return application
    return {**application, "processes": {name: _with_services(str(name), each) for name, each in processes.items()}}


def _with_services(name: str, process: Any) -> Any:
    if process is not None and not isinstance(process, dict):
        return process
    given: Mapping[str, Any] = process or {}
    if "command" in given:
        raise ValueError(
            f"`processes.{name}.command` belongs into compose.yml; `services` says which services of it this process is"
        )
    return {**given, "command": UP, "services": given.get("services") or [name]}


def only_services(application: Application) -> None:
    """Raises ValueError for what containers cannot have."""
    if application.supervisor != "systemd":
        raise ValueError("`runtime: compose` is supervised by systemd: leave `supervisor` out")
    if application.static:
        raise ValueError("has `runtime: compose` and `static`: it is either containers or files; make two applications of it")
    for name, process in application.processes.items():
        if process.listen == "socket":
            raise ValueError(f"`processes.{name}` should have `listen: port`: a container publishes a port, not a socket")
        if process.memory:
            raise ValueError(f"`processes.{name}.memory` belongs into compose.yml (mem_limit), which holds for the container")
