"""`pm2.status`, `pm2.restart`, `pm2.logs`: the processes under PM2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from windlass.errors import HostError, WindlassError
    from windlass.events import Listener
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Application
    from windlass.tasks.door import Outcome

APP = "the application; may be left out where there is only one"
PROCESS = "only this process of the application, such as web"


@command(app=APP)
def status(
    _context: Context,
    *,
    env: str = "",
    app: str = "",
    limit: str = "",
    json: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Show what PM2 runs for an application: status, restarts, memory, CPU.

    Example:

        invoke pm2.status --env staging --app tickets

    Exit codes: 0 done, 1 a host failed, 2 wrong usage or inventory.
    """
    from windlass.flows.overview import processes
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        application, hosts = chosen_hosts(workspace, app, limit)
        with workspace.fleet(hosts, listener) as fleet:
            listed = processes(application, fleet)
        return _listed(listed)

    run_flow(
        "pm2.status",
        Options(env=env, limit=limit, json=json, lab=lab, accept_new=accept_new, ask_sudo_password=ask_sudo_password),
        work,
        changes=False,
    )


def _listed(listed: Mapping[str, list[dict[str, Any]] | HostError]) -> Outcome:
    from windlass.errors import HostError
    from windlass.report.tables import table
    from windlass.tasks.door import Outcome

    failed = {host: found.message for host, found in listed.items() if isinstance(found, HostError)}
    processes = {host: found for host, found in listed.items() if not isinstance(found, HostError)}
    rows = [_row(host, entry) for host, found in processes.items() for entry in found]
    head = ["host", "process", "status", "pid", "up", "restarts", "memory", "limit", "cpu"]
    text = table(head, rows) if rows else "PM2 runs nothing yet"
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


@command(app=APP, process=PROCESS)
def restart(
    _context: Context,
    *,
    env: str = "",
    app: str = "",
    process: str = "",
    limit: str = "",
    json: bool = False,
    yes: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Restart the live processes of an application, one after the other, host after host; each must be fit before the next one goes.

    Requests that reach a host while its only process restarts are answered by the other hosts.

    Example:

        invoke pm2.restart --env staging --app tickets --process worker

    Exit codes: 0 done, 1 a host did not come back (those after it are untouched), 2 wrong usage or inventory, 4 refused.
    """
    from windlass.flows.overview import restart as flow
    from windlass.tasks.door import Outcome
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        application, hosts = chosen_hosts(workspace, app, limit)
        with workspace.fleet(hosts, listener) as fleet:
            limit_seconds, operator = application.gate.limit_seconds, workspace.operator
            done = flow(application, fleet, process, gate_seconds=limit_seconds, operator=operator)
        text = "\n".join(f"{host}: {', '.join(names) or 'nothing to restart'}" for host, names in done.items())
        return Outcome(result={"restarted": {host: list(names) for host, names in done.items()}}, text=text)

    run_flow(
        "pm2.restart",
        Options(env=env, limit=limit, json=json, yes=yes, lab=lab, accept_new=accept_new, ask_sudo_password=ask_sudo_password),
        work,
    )


@command(app=APP, process=PROCESS, lines="how many lines of each log")
def logs(
    _context: Context,
    *,
    env: str = "",
    app: str = "",
    process: str = "",
    lines: int = 20,
    limit: str = "",
    json: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Show the last lines that an application's processes wrote, of both slots.

    Example:

        invoke pm2.logs --env staging --app tickets --process web --lines 100

    Exit codes: 0 done, 1 a host failed, 2 wrong usage or inventory.
    """
    from windlass.errors import HostError
    from windlass.flows.overview import logs as flow
    from windlass.tasks.door import Outcome
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        application, hosts = chosen_hosts(workspace, app, limit)
        with workspace.fleet(hosts, listener) as fleet:
            found = flow(application, fleet, lines=lines, process=process)
        failed = {host: each.message for host, each in found.items() if isinstance(each, HostError)}
        good = {host: each for host, each in found.items() if not isinstance(each, HostError)}
        text = "\n".join(
            f"{host} {name} | {line}" for host, named in good.items() for name, written in named.items() for line in written
        )
        return Outcome(result={"logs": good}, text=text or "nothing was logged yet", error=_failed(failed))

    run_flow(
        "pm2.logs",
        Options(env=env, limit=limit, json=json, lab=lab, accept_new=accept_new, ask_sudo_password=ask_sudo_password),
        work,
        changes=False,
    )


def chosen_hosts(workspace: Workspace, app: str, limit: str) -> tuple[Application, list[str]]:
    """The application that is meant, and those of its hosts that are."""
    from windlass.flows.deploy import chosen

    application = chosen(workspace.environment, app)
    wanted = {host.name for host in workspace.hosts(limit)}
    return application, [host.name for host in workspace.environment.hosts_of(application.hosts) if host.name in wanted]


def _failed(failed: dict[str, str]) -> WindlassError | None:
    from windlass.errors import FlowFailed
    from windlass.values import counted

    return FlowFailed(f"{counted(len(failed), 'host')} failed", hosts=failed, last_lines=list(failed.values())) if failed else None
