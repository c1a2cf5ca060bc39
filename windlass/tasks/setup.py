"""`setup`: hosts become what their roles say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from windlass.events import Listener
    from windlass.flows.setup import OnFailure, SetupResult
    from windlass.flows.workspace import Workspace
    from windlass.tasks.door import Outcome


MOST_NAMES = 8  # hosts that a sentence names


@command(on_failure="continue (the other hosts go on) or stop (one host after another, the first failure ends it)")
def setup(
    _context: Context,
    *,
    env: str = "",
    limit: str = "",
    check: bool = False,
    diff: bool = False,
    json: bool = False,
    yes: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
    on_failure: str = "continue",
) -> None:
    """
    Make hosts what their roles say. What is so already is left alone.

    Example:

        invoke setup --env staging --check --diff
        invoke setup --env staging --limit 'web*'

    Exit codes: 0 done, 1 failed on all hosts, 2 wrong usage or inventory, 3 failed on some hosts, 4 not confirmed.
    """
    from windlass.errors import UsageError
    from windlass.flows.setup import setup as flow
    from windlass.tasks.running import run_flow

    options = Options(
        env=env,
        limit=limit,
        check=check,
        diff=diff,
        json=json,
        yes=yes,
        lab=lab,
        accept_new=accept_new,
        ask_sudo_password=ask_sudo_password,
    )

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        if on_failure not in ("continue", "stop"):
            raise UsageError(f"--on-failure {on_failure}: there is continue and stop")
        policy: OnFailure = "stop" if on_failure == "stop" else "continue"
        hosts = workspace.hosts(limit)
        return outcome_of(flow(workspace, hosts, check=check, on_failure=policy, listener=listener), check=check)

    run_flow("setup", options, work)


def outcome_of(result: SetupResult, *, check: bool) -> Outcome:
    """What a setup came to, as it is shown."""
    from windlass.tasks.door import Outcome

    failed = sum(bool(host.error) for host in result.hosts.values())
    return Outcome(
        result={
            "hosts_done": sum(host.begun and not host.error for host in result.hosts.values()),
            "hosts_failed": failed,
            "changed": result.changed,
        },
        hosts={name: {"round_trips": host.round_trips, "seconds": host.seconds} for name, host in result.hosts.items()},
        text="" if failed else _sentence(result, check=check),
        summary=True,
        error=result.error(),
    )


def _sentence(result: SetupResult, *, check: bool) -> str:
    from windlass.values import counted

    touched = [name for name, host in result.hosts.items() if host.changed or host.unknown]
    if not touched:
        return f"nothing {'would change' if check else 'had to change'} on {_hosts(len(result.hosts))}"
    word = "would change" if check else "changed"
    where = ", ".join(touched) if len(touched) <= MOST_NAMES else _hosts(len(touched))
    return f"{counted(result.changed, 'operation')} {word} on {where}; {_hosts(len(result.hosts))} in all"


def _hosts(count: int) -> str:
    return f"{count} host{'' if count == 1 else 's'}"
