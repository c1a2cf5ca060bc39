"""`run`: one command on many hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from windlass.tasks.common import Options
from windlass.tasks.common import command as task
from windlass.terminal import unpainted

if TYPE_CHECKING:
    from windlass.events import Listener
    from windlass.flows.everywhere import Answers
    from windlass.flows.workspace import Workspace
    from windlass.tasks.door import Outcome

MOST_NAMES = 12  # hosts that a heading names


@task(
    command="what /bin/sh runs there; quote it",
    as_user="as whom it runs (else root)",
    limit_seconds="how many seconds it may take on a host (else 600)",
    serial="hosts of one round: a number or a percentage, as in 10%; the next round begins when all of one are through",
    max_failed="how many hosts (a number or a percentage) may fail before no further round begins",
    workers="so many processes of this machine share the hosts, see docs/scale.md",
    executor="dask://scheduler:8786: the workers of a Dask cluster share the hosts",
)
def run(
    _context: Context,
    command: str,
    *,
    env: str = "",
    limit: str = "",
    as_user: str = "",
    check: bool = False,
    json: bool = False,
    yes: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
    limit_seconds: float = 600.0,
    serial: str = "",
    max_failed: str = "",
    workers: int = 0,
    executor: str = "",
) -> None:
    """
    Run one command on many hosts at once, and show the same answers together.

    Example:

        invoke run uptime --env staging
        invoke run 'systemctl is-active nginx' --env staging --limit 'web*'

    Exit codes: 0 it succeeded everywhere, 1 nowhere, 2 wrong usage or
    inventory, 3 not on all hosts, 4 not confirmed.
    """
    from windlass.flows.everywhere import run_everywhere
    from windlass.operations.command import Run
    from windlass.tasks.running import run_flow
    from windlass.tasks.setup import policy_of, with_hands

    options = Options.of(locals())
    operation = Run(command=command, user=as_user, limit_seconds=limit_seconds)

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        policy = policy_of("continue", serial, max_failed)
        crew = with_hands(workspace, workers, executor)
        hosts = workspace.hosts(limit)
        return _outcome(run_everywhere(crew, hosts, operation, check=check, policy=policy, listener=listener))

    run_flow("run", options, work)


def _outcome(answers: Answers) -> Outcome:
    from windlass.tasks.door import Outcome

    return Outcome(
        result={
            "hosts_done": sum(answer.status == 0 for answer in answers.answers.values()),
            "hosts_failed": len(answers.failures),
            "groups": [
                {"hosts": list(hosts), "exit_code": answer.status, "output": answer.output, "errors": answer.errors}
                for hosts, answer in answers.groups()
            ],
        },
        hosts={host: {"exit_code": answer.status} for host, answer in answers.answers.items()},
        text=told(answers),
        error=answers.error(),
    )


def told(answers: Answers) -> str:
    """Each answer once, under the hosts that gave it."""
    sections = []
    for hosts, answer in answers.groups():
        names = ", ".join(hosts[:MOST_NAMES]) + (f" and {len(hosts) - MOST_NAMES} more" if len(hosts) > MOST_NAMES else "")
        ended = f" (exit code {answer.status})" if answer.status else ""
        lines = map(unpainted, [*answer.output.splitlines(), *answer.errors.splitlines()])
        sections.append("\n".join([f"{names}{ended}:", *(f"  {line}" for line in lines)]))
    return "\n".join(sections)
