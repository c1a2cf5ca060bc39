"""`app.processes`, `app.restart`, `app.reload`, `app.logs`: an application's processes, whatever supervises them."""

from __future__ import annotations

from invoke.context import Context

from windlass.tasks.common import Options, command
from windlass.tasks.processes import APP, PROCESS


@command(app=APP)
def processes(
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
    Show what PM2 or systemd runs for an application.

    Status, restarts, memory and CPU of each process.

    Example:

        invoke app.processes --env staging --app tickets

    Exit codes: 0 done, 1 a host failed, 2 wrong usage or inventory.
    """
    from windlass.tasks.processes import listing
    from windlass.tasks.running import run_flow

    run_flow("app.processes", Options.of(locals()), listing(app, limit), changes=False)


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
    Restart the live processes of an application, one after the other.

    Host after host; each process must be fit before the next one goes. Requests
    that reach a host while its only process restarts are answered by the other
    hosts.

    Example:

        invoke app.restart --env staging --app notes --process worker

    Exit codes: 0 done, 1 a host did not come back (those after it are
    untouched), 2 wrong usage or inventory, 4 refused.
    """
    from windlass.tasks.processes import restarting
    from windlass.tasks.running import run_flow

    run_flow("app.restart", Options.of(locals()), restarting(app, process, limit))


@command(app=APP)
def reload(
    _context: Context,
    *,
    env: str = "",
    app: str = "",
    json: bool = False,
    yes: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Start the release that serves anew, without losing a request.

    It starts in the other slot, and takes over when it has passed the gate. If
    it no longer starts, what serves goes on. The release that was kept warm
    makes way; a rollback to it then takes a start.

    Example:

        invoke app.reload --env staging --app tickets

    Exit codes: 0 done, 1 failed and taken back, 2 wrong usage or inventory, 3
    partly done, 4 refused.
    """
    from windlass.tasks.processes import reloading
    from windlass.tasks.running import run_flow

    run_flow("app.reload", Options.of(locals()), reloading(app))


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
    Show the last lines that an application's processes wrote, of both slots.

    Example:

        invoke app.logs --env staging --app tickets --process web --lines 100

    Exit codes: 0 done, 1 a host failed, 2 wrong usage or inventory.
    """
    from windlass.tasks.processes import reading_logs
    from windlass.tasks.running import run_flow

    run_flow("app.logs", Options.of(locals()), reading_logs(app, process, lines, limit), changes=False)
