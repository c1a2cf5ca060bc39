"""`pm2.status`, `pm2.restart`, `pm2.logs`: the processes under PM2."""

from __future__ import annotations

from invoke.context import Context

from windlass.tasks.common import Options, command
from windlass.tasks.processes import APP, PROCESS


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
    Show what PM2 runs for an application.

    Status, restarts, memory and CPU of each process. The same as app.processes,
    for an application under PM2.

    Example:

        invoke pm2.status --env staging --app tickets

    Exit codes: 0 done, 1 a host failed, 2 wrong usage or inventory.
    """
    from windlass.tasks.processes import listing
    from windlass.tasks.running import run_flow

    run_flow("pm2.status", Options.of(locals()), listing(app, limit, only="pm2"), changes=False)


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
    Restart the live processes of an application under PM2.

    The same as app.restart: one after the other, host after host; each process
    must be fit before the next one goes.

    Example:

        invoke pm2.restart --env staging --app tickets --process worker

    Exit codes: 0 done, 1 a host did not come back (those after it are
    untouched), 2 wrong usage or inventory, 4 refused.
    """
    from windlass.tasks.processes import restarting
    from windlass.tasks.running import run_flow

    run_flow("pm2.restart", Options.of(locals()), restarting(app, process, limit, only="pm2"))


@command(app=APP, process=PROCESS, lines="how many lines of each log (else 20)")
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
    Show the last lines of an application's processes under PM2.

    The same as app.logs: of both slots.

    Example:

        invoke pm2.logs --env staging --app tickets --process web --lines 100

    Exit codes: 0 done, 1 a host failed, 2 wrong usage or inventory.
    """
    from windlass.tasks.processes import reading_logs
    from windlass.tasks.running import run_flow

    run_flow("pm2.logs", Options.of(locals()), reading_logs(app, process, lines, limit, only="pm2"), changes=False)
