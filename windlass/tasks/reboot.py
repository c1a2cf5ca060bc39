"""`reboot`: hosts start anew, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from windlass.events import Listener
    from windlass.flows.setup import SetupResult
    from windlass.flows.workspace import Workspace
    from windlass.tasks.door import Outcome


@command(
    when_required="only those whose system asks for it (/run/reboot-required)",
    wait="how long a host may stay away, such as 90s (else 10m)",
)
def reboot(
    _context: Context,
    *,
    env: str = "",
    limit: str = "",
    when_required: bool = False,
    wait: str = "10m",
    check: bool = False,
    json: bool = False,
    yes: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Reboot hosts, one after the other, each once the last one is back.

    That a host is back is proved by its boot id. One that does not come back
    leaves the rest untouched.

    Example:

        invoke reboot --env staging --limit 'web*' --when-required

    Exit codes: 0 done, 1 failed, 2 wrong usage or inventory, 3 failed after
    others were done, 4 not confirmed, or another run is at work there.
    """
    from windlass.flows.reboot import reboot as flow
    from windlass.operations.reboot import Reboot
    from windlass.tasks.running import run_flow
    from windlass.values import seconds

    options = Options.of(locals())
    operation = Reboot(when_required=when_required, limit_seconds=seconds(wait))

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        done = flow(workspace, workspace.hosts(limit), operation, check=check, listener=listener)
        return outcome_of(done, check=check)

    run_flow("reboot", options, work)


def outcome_of(done: SetupResult, *, check: bool) -> Outcome:
    """What it came to, as it is shown."""
    from windlass.report.prose import prose
    from windlass.tasks.door import Outcome

    rebooted = [name for name, host in done.hosts.items() if host.changed and not host.error]
    others = [name for name, host in done.hosts.items() if host.begun and not host.changed and not host.error]
    words = [f"{', '.join(rebooted)} {'would reboot' if check else 'rebooted'}"] if rebooted else []
    words += [f"no reboot is due on {', '.join(others)}"] if others else []
    return Outcome(
        result={"rebooted": [] if check else rebooted, "hosts_failed": sum(bool(host.error) for host in done.hosts.values())},
        hosts={name: {"seconds": host.seconds} for name, host in done.hosts.items()},
        text="" if done.error() else prose(["; ".join(words)]),
        error=done.error(),
    )
