"""`bootstrap`: hosts without Python get one."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from invoke.context import Context

from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from windlass.events import Listener
    from windlass.flows.workspace import Workspace
    from windlass.tasks.door import Outcome


@command()
def bootstrap(
    _context: Context,
    *,
    env: str = "",
    limit: str = "",
    json: bool = False,
    yes: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Install Python on hosts that have none, over plain SSH.

    python3 comes from the host's own sources, by apt-get. Hosts that have one
    are left alone.

    Example:

        invoke bootstrap --env staging --limit web3

    Exit codes: 0 done, 1 failed on all hosts, 2 wrong usage or inventory, 3
    failed on some hosts, 4 not confirmed.
    """
    from windlass.flows.bootstrap import bootstrap as flow
    from windlass.tasks.door import Outcome
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        done, error = flow(workspace, workspace.hosts(limit), listener)
        lines = [f"{name}: {host.python}, {'installed' if host.installed else 'was there'}" for name, host in done.items()]
        return Outcome(
            result={"installed": [name for name, host in done.items() if host.installed]},
            hosts={name: asdict(host) for name, host in done.items()},
            text="\n".join(lines),
            error=error,
        )

    run_flow("bootstrap", Options.of(locals()), work)
