"""`pm2.reload`, `pm2.save`: start anew without losing a request, and keep what a boot brings back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from windlass.tasks.common import Options, command
from windlass.tasks.processes import APP

if TYPE_CHECKING:
    from windlass.events import Listener
    from windlass.flows.workspace import Workspace
    from windlass.tasks.door import Outcome


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
    Start the release that serves anew under PM2, without losing a request.

    The same as app.reload: it starts in the other slot, and takes over when it
    has passed the gate. If it no longer starts, what serves goes on. The
    release that was kept warm makes way; a rollback to it then takes a start.

    Example:

        invoke pm2.reload --env staging --app tickets

    Exit codes: 0 done, 1 failed and taken back, 2 wrong usage or inventory, 3
    partly done, 4 refused.
    """
    from windlass.tasks.processes import reloading
    from windlass.tasks.running import run_flow

    run_flow("pm2.reload", Options.of(locals()), reloading(app, only="pm2"))


@command(app=APP)
def save(
    _context: Context,
    *,
    env: str = "",
    app: str = "",
    limit: str = "",
    json: bool = False,
    yes: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Write down what PM2 runs, for the next boot.

    Deploys, rollbacks and restarts do it by themselves. Refuses while a process
    that should serve is not up, because less would then come back.

    Example:

        invoke pm2.save --env staging --app tickets

    Exit codes: 0 done, 1 a host failed, 2 wrong usage or inventory, 4 refused.
    """
    from windlass.flows.deployment.reload import save as flow
    from windlass.tasks.door import Outcome
    from windlass.tasks.processes import chosen_hosts
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        application, hosts = chosen_hosts(workspace, app, limit, "pm2")
        with workspace.fleet(hosts, listener) as fleet:
            saved = flow(application, fleet, operator=workspace.operator)
        text = "\n".join(f"{host}: a boot brings back {', '.join(names) or 'nothing'}" for host, names in saved.items())
        return Outcome(result={"saved": {host: list(names) for host, names in saved.items()}}, text=text)

    run_flow("pm2.save", Options.of(locals()), work)
