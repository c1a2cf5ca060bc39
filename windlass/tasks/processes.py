"""What the tasks of both `app.*` and `pm2.*` do with an application's processes, whatever supervises them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from windlass.terminal import unpainted

if TYPE_CHECKING:
    from windlass.errors import HostError, WindlassError
    from windlass.events import Listener
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Application
    from windlass.tasks.door import Outcome

APP = "the application; may be left out where there is only one"
PROCESS = "only this process of the application, such as web"


def listing(app: str, limit: str, *, only: str = "") -> Callable[[Workspace, Listener], Outcome]:
    """Show what runs. `only` is the supervisor that the task is about."""
    from windlass.flows.deployment.overview import processes

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        application, hosts = chosen_hosts(workspace, app, limit, only)
        with workspace.fleet(hosts, listener) as fleet:
            listed = processes(application, fleet)
        return _listed(listed)

    return work


def restarting(app: str, process: str, limit: str, *, only: str = "") -> Callable[[Workspace, Listener], Outcome]:
    """Restart the live processes, one after the other."""
    from windlass.flows.deployment.overview import restart
    from windlass.tasks.door import Outcome

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        application, hosts = chosen_hosts(workspace, app, limit, only)
        with workspace.fleet(hosts, listener) as fleet:
            seconds, operator = application.gate.limit_seconds, workspace.operator
            done = restart(application, fleet, process, gate_seconds=seconds, operator=operator)
        text = "\n".join(f"{host}: {', '.join(names) or 'nothing to restart'}" for host, names in done.items())
        return Outcome(result={"restarted": {host: list(names) for host, names in done.items()}}, text=text)

    return work


def reloading(app: str, *, only: str = "") -> Callable[[Workspace, Listener], Outcome]:
    """Start the release that serves anew."""
    from dataclasses import asdict

    from windlass.flows.deployment.reload import reload
    from windlass.tasks.door import Outcome
    from windlass.values import counted

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        application, _hosts = chosen_hosts(workspace, app, "", only)
        done = reload(workspace, application, listener=listener)
        text = f"{done.application} {done.release} was started anew on {counted(len(done.switch_milliseconds), 'host')}"
        return Outcome(result=asdict(done), text=text)

    return work


def reading_logs(app: str, process: str, lines: int, limit: str, *, only: str = "") -> Callable[[Workspace, Listener], Outcome]:
    """Show the last lines that the processes wrote."""
    from windlass.errors import HostError
    from windlass.flows.deployment.overview import logs
    from windlass.tasks.door import Outcome

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        application, hosts = chosen_hosts(workspace, app, limit, only)
        with workspace.fleet(hosts, listener) as fleet:
            found = logs(application, fleet, lines=lines, process=process)
        failed = {host: each for host, each in found.items() if isinstance(each, HostError)}
        good = {host: each for host, each in found.items() if not isinstance(each, HostError)}
        text = "\n".join(
            f"{host} {name} | {unpainted(line)}"
            for host, named in good.items()
            for name, written in named.items()
            for line in written
        )
        return Outcome(result={"logs": good}, text=text or "nothing was logged yet", error=_failed(failed))

    return work


def _listed(listed: Mapping[str, list[dict[str, Any]] | HostError]) -> Outcome:
    from windlass.errors import HostError
    from windlass.report.tables import table
    from windlass.tasks.door import Outcome

    failed = {host: found for host, found in listed.items() if isinstance(found, HostError)}
    processes = {host: found for host, found in listed.items() if not isinstance(found, HostError)}
    rows = [_row(host, entry) for host, found in processes.items() for entry in found]
    head = ["host", "process", "status", "pid", "up", "restarts", "memory", "limit", "cpu"]
    text = table(head, rows) if rows else "nothing runs yet"
    return Outcome(result={"processes": processes}, text=text, error=_failed(failed))


def _row(host: str, entry: Mapping[str, Any]) -> list[str]:
    from windlass.values import human_bytes, human_seconds

    return [
        host,
        entry["name"],
        entry["status"],
        str(entry["pid"] or ""),
        human_seconds(entry["uptime"]) if entry["uptime"] else "",
        str(entry["restarts"]),
        human_bytes(entry["memory"]),
        human_bytes(entry["memory_limit"]) if entry["memory_limit"] else "",
        f"{entry['cpu']} %",
    ]


def chosen_hosts(workspace: Workspace, app: str, limit: str, only: str) -> tuple[Application, list[str]]:
    """The application that is meant, and those of its hosts that are. Raises UsageError where `only` is not what supervises it."""
    from windlass.errors import UsageError
    from windlass.flows.deployment.deploy import chosen

    application = chosen(workspace.environment, app)
    if only and application.supervisor != only:
        raise UsageError(
            f"{application.name} does not run under {only} but under {application.supervisor}",
            hint="app.processes, app.restart, app.reload and app.logs work with either",
        )
    wanted = {host.name for host in workspace.hosts(limit)}
    return application, [host.name for host in workspace.environment.hosts_of(application.hosts) if host.name in wanted]


def _failed(failed: Mapping[str, HostError]) -> WindlassError | None:
    from windlass.errors import FlowFailed
    from windlass.values import counted

    if not failed:
        return None
    hosts = {host: each.message for host, each in failed.items()}
    hints = dict.fromkeys(each.hint for each in failed.values() if each.hint)
    return FlowFailed(f"{counted(len(failed), 'host')} failed", hosts=hosts, hint="; ".join(hints))
