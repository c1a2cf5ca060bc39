"""`setup`: hosts become what their roles say."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from invoke.context import Context

from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from windlass.events import Listener
    from windlass.flows.resuming import Started
    from windlass.flows.setup import FailurePolicy, SetupResult
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Host
    from windlass.tasks.door import Outcome
    from windlass.tasks.running import Opening


MOST_NAMES = 8  # hosts that a sentence names


@command(
    on_failure="stop: one host after another, the first failure ends it (else continue: the other hosts go on)",
    serial="hosts of one round: a number or a percentage, as in 10%; the next round begins when all of one are through",
    max_failed="how many hosts (a number or a percentage) may fail before no further round begins",
    workers="so many processes of this machine share the hosts, see docs/scale.md",
    executor="dask://scheduler:8786: the workers of a Dask cluster share the hosts",
    roles="only what these roles want, joined by `,`: to try one that you work on; what the others want is not looked at",
    resume="go on with a run that broke off, as its error named it, with its values and options: what is done is not done again",
)
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
    on_failure: str = "",
    serial: str = "",
    max_failed: str = "",
    workers: int = 0,
    executor: str = "",
    roles: str = "",
    resume: str = "",
) -> None:
    """
    Make hosts what their roles say. What is so already is left alone.

    Example:

        invoke setup --env staging --check --diff
        invoke setup --env staging --limit 'web*'
        invoke setup --env staging --roles nginx,greeting --check --diff
        invoke setup --env production --serial 25% --max-failed 1
        invoke setup --env staging --resume 20260102T030405-1f2e3d

    Exit codes: 0 done, 1 failed on all hosts, 2 wrong usage or inventory, 3
    failed on some hosts, 4 not confirmed, or another run is at work on all.
    """
    from windlass.events import Note
    from windlass.flows.resuming import told
    from windlass.flows.setup import setup as flow
    from windlass.tasks.running import run_flow

    options = Options.of(locals())

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        policy = policy_of(on_failure, serial, max_failed)
        named = dataclasses.replace(with_hands(workspace, workers, executor), journaled=True)
        before = _begun(resume, workspace, options)
        if before:
            listener(Note(told(before, workspace)))
            policy = _as_before(before.policy, policy, on_failure)
            named = dataclasses.replace(named, run=resume, hands=named.hands if workers or executor else before.hands)
        hosts, only = meant(workspace, before, limit, roles)
        return outcome_of(flow(named, hosts, check=check, policy=policy, listener=listener, roles=only), check=check)

    run_flow("setup", options, work, opening=_opening(resume, options, roles))


def _opening(resume: str, options: Options, roles: str) -> Opening | None:
    """How the environment is opened: as it was when a run began that is gone on with."""
    from windlass.errors import UsageError
    from windlass.flows.resuming import recall, reopen

    def as_it_was(project: Path, name: str, *, lab: bool, accept_new: bool) -> Workspace:
        if options.check or options.limit or roles:
            taken = "the hosts and roles of the run that broke off"
            raise UsageError(f"--resume takes {taken}, and changes them: not with --limit, --roles or --check")
        return reopen(recall(project, resume, name, lab=lab), project, lab=lab, accept_new=accept_new)

    return as_it_was if resume else None


def _begun(resume: str, workspace: Workspace, options: Options) -> Started | None:
    """The run that is gone on with, if there is one."""
    from windlass.flows.resuming import recall

    return recall(workspace.project, resume, workspace.environment.name, lab=options.lab) if resume else None


def _as_before(was: FailurePolicy, typed: FailurePolicy, on_failure: str) -> FailurePolicy:
    """What was typed, and where nothing was, what the run was begun with."""
    return dataclasses.replace(
        typed,
        on_failure=typed.on_failure if on_failure else was.on_failure,
        serial=typed.serial or was.serial,
        max_failed=typed.max_failed or was.max_failed,
    )


def meant(workspace: Workspace, before: Started | None, limit: str, roles: str) -> tuple[tuple[Host, ...], tuple[str, ...]]:
    """The hosts and the roles (none: all) that are worked on. Raises UsageError for words that mean nothing."""
    hosts = workspace.hosts(",".join(before.hosts) if before else limit)
    only = before.roles if before else roles_of(workspace, hosts, roles)
    return tuple(host for host in hosts if not only or {*only} & {*workspace.environment.roles_of(host)}), only


def roles_of(workspace: Workspace, hosts: Sequence[Host], named: str) -> tuple[str, ...]:
    """The roles that `--roles` means. Raises UsageError for one that none of the hosts has."""
    from windlass.errors import UsageError
    from windlass.inventory.faults import did_you_mean

    known = dict.fromkeys(role for host in hosts for role in workspace.environment.roles_of(host))
    wanted = tuple(filter(None, (word.strip() for word in named.split(","))))
    for role in wanted:
        if role not in known:
            raise UsageError(
                f"none of these hosts has the role {role!r}{did_you_mean(role, known)}", hint=f"they have {', '.join(known)}"
            )
    return wanted


def with_hands(workspace: Workspace, workers: int, executor: str) -> Workspace:
    """The workspace whose hosts are shared by these workers."""
    from windlass.hosts.many.crew import Hands

    return dataclasses.replace(workspace, hands=Hands(workers, executor))


def policy_of(on_failure: str, serial: str = "", max_failed: str = "") -> FailurePolicy:
    """What was typed, understood. Raises UsageError."""
    from windlass.errors import UsageError
    from windlass.plans.rounds import FailurePolicy, share

    if on_failure not in ("", "continue", "stop"):
        raise UsageError(f"--on-failure {on_failure}: there is continue and stop")
    try:
        return FailurePolicy(
            on_failure="stop" if on_failure == "stop" else "continue",
            serial=share(serial) if serial else None,
            max_failed=share(max_failed) if max_failed else None,
        )
    except ValueError as error:
        raise UsageError(f"--serial or --max-failed: {error}", hint="write for example 5 or 25%") from error


def outcome_of(result: SetupResult, *, check: bool) -> Outcome:
    """What a setup came to, as it is shown."""
    from windlass.tasks.door import Outcome

    failed = sum(bool(host.error) for host in result.hosts.values())
    return Outcome(
        result={
            "hosts_done": sum(host.begun and not host.error for host in result.hosts.values()),
            "hosts_failed": failed,
            "hosts_untouched": sum(not host.begun for host in result.hosts.values()),
            "changed": result.changed,
        },
        hosts={
            name: {"round_trips": host.round_trips, "seconds": host.seconds, "state": host.state()}
            for name, host in result.hosts.items()
        },
        text="" if failed else _sentence(result, check=check),
        summary=True,
        error=result.error(),
    )


def _sentence(result: SetupResult, *, check: bool) -> str:
    from windlass.values import counted

    touched = [name for name, host in result.hosts.items() if host.changed or host.unknown]
    if not touched:
        return f"nothing {'would change' if check else 'had to change'} on {_hosts(len(result.hosts))}"
    where = ", ".join(touched) if len(touched) <= MOST_NAMES else _hosts(len(touched))
    in_all = "" if len(touched) == len(result.hosts) else f"; {_hosts(len(result.hosts))} in all"
    unknown = sum(host.unknown for host in result.hosts.values()) if check else 0
    said = [f"{counted(result.changed - unknown, 'operation')} {'would change' if check else 'changed'}"]
    said += [f"{unknown} {'is' if unknown == 1 else 'are'} unknown until run"] if unknown else []
    return f"{' and '.join(said)} on {where}{in_all}"


def _hosts(count: int) -> str:
    return f"{count} host{'' if count == 1 else 's'}"
