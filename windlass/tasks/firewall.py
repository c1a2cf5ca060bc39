"""`firewall.plan`, `firewall.apply`, `firewall.explain`, `firewall.check`: which doors are open, and whether they really are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from invoke.context import Context

from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from windlass.events import Listener
    from windlass.flows.edge.firewall import Exposures, Ports, Viewers
    from windlass.flows.workspace import Workspace
    from windlass.plans.firewall import Opening
    from windlass.tasks.door import Outcome


@command()
def plan(
    _context: Context,
    *,
    env: str = "",
    limit: str = "",
    json: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Show what would change in the hosts' firewall rules.

    What was compiled from the inventory is compared with what is there.

    Example:

        invoke firewall.plan --env staging

    Exit codes: 0 done, 1 failed on all hosts, 2 wrong usage or inventory, 3
    failed on some hosts.
    """
    options = Options.of(locals(), check=True, diff=True)
    _set_up("firewall.plan", options, "continue")


@command(on_failure="continue: all at once (else stop: one host after another, the first failure ends it)")
def apply(
    _context: Context,
    *,
    env: str = "",
    limit: str = "",
    diff: bool = False,
    json: bool = False,
    yes: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
    on_failure: str = "stop",
) -> None:
    """
    Give hosts the firewall rules that were compiled.

    One host after another. Each takes its rules back by itself if nobody can
    log in anew.

    Example:

        invoke firewall.apply --env staging --limit web1 --diff

    Exit codes: 0 done, 1 failed on all hosts, 2 wrong usage or inventory, 3
    failed on some hosts, 4 not confirmed.
    """
    options = Options.of(locals())
    _set_up("firewall.apply", options, on_failure)


def _set_up(task: str, options: Options, on_failure: str) -> None:
    from windlass.flows.edge.firewall import ROLE, protected
    from windlass.flows.setup import setup
    from windlass.tasks.running import run_flow
    from windlass.tasks.setup import outcome_of, policy_of

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        policy = policy_of(on_failure)
        hosts = protected(workspace, workspace.hosts(options.limit))
        result = setup(workspace, hosts, check=options.check, policy=policy, listener=listener, roles=(ROLE,))
        return outcome_of(result, check=options.check)

    run_flow(task, options, work)


@command()
def explain(_context: Context, *, env: str = "", limit: str = "", json: bool = False, lab: bool = False) -> None:
    """
    Show every opening that was compiled: where, for whom, and why.

    No host is called.

    Example:

        invoke firewall.explain --env production --limit 'data*'

    Exit codes: 0 done, 2 wrong usage or inventory.
    """
    from windlass.flows.edge.firewall import compiled_for
    from windlass.report.tables import table
    from windlass.tasks.door import Outcome
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, _listener: Listener) -> Outcome:
        doors = compiled_for(workspace, workspace.hosts(limit))
        bare = [host.name for host in workspace.hosts(limit) if host.name not in doors]
        rows = [
            [name, f"{each.port}/{each.protocol}", _whom(workspace, each), each.reason]
            for name, opened in doors.items()
            for each in opened
        ]
        text = table(["host", "port", "from", "why"], rows) + "\n" if rows else ""
        text += _without(bare)
        return Outcome(result={"openings": {name: _plain(opened) for name, opened in doors.items()}, "without": bare}, text=text)

    run_flow("firewall.explain", Options.of(locals()), work, changes=False)


@command(
    ports="which TCP ports, FIRST-LAST (else all 65,535)",
    from_="who looks: outside (this machine alone), or hosts, such as app1,app2; without it this machine and all of them",
)
def check(
    _context: Context,
    *,
    env: str = "",
    limit: str = "",
    ports: str = "1-65535",
    from_: str = "",
    json: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Try every TCP port of every host, and compare with what was compiled.

    From here and from each other host, over IPv6 too where a host has it. A
    port that is open and was not compiled is an error, and so is one that was
    compiled and is closed, if only because nothing listens. Takes about 25 s
    for each address.

    Example:

        invoke firewall.check --env staging
        invoke firewall.check --env staging --limit data1 --ports 1-10000
        invoke firewall.check --env staging --from outside

    Exit codes: 0 exactly what was compiled, 1 something differs, 2 wrong usage
    or inventory.
    """
    from windlass.flows.edge.firewall import check as flow
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        hosts = workspace.hosts(limit)
        found = flow(workspace, hosts, ports=_ports(ports), viewers=_viewers(from_), listener=listener)
        return _compared(found, [host.name for host in hosts if host.name not in found.hosts])

    run_flow("firewall.check", Options.of(locals()), work, changes=False)


def _ports(text: str) -> Ports:
    from windlass.errors import UsageError
    from windlass.flows.edge.firewall import Ports

    first, _, last = text.partition("-")
    if not (first.isdigit() and last.isdigit() and 1 <= int(first) <= int(last) <= 65535):
        raise UsageError(f"--ports {text}: should be FIRST-LAST within 1-65535")
    return Ports(int(first), int(last))


def _viewers(text: str) -> Viewers:
    from windlass.flows.edge.firewall import Viewers

    if not text:
        return Viewers()
    return Viewers(hosts="") if text == "outside" else Viewers(here=False, hosts=text)


def _without(hosts: Sequence[str]) -> str:
    from windlass.report.prose import prose

    return prose([f"{', '.join(hosts)}: no firewall, for want of the role firewall"]) if hosts else ""


def _compared(found: Exposures, bare: Sequence[str]) -> Outcome:
    from windlass.report.tables import table
    from windlass.tasks.door import Outcome

    rows = [
        [name, each.viewer or "outside", each.address, ", ".join(map(str, each.open)) or "nothing"]
        for name, exposure in found.hosts.items()
        for each in exposure.seen
    ]
    wrong = [
        [each.host, each.viewer or "outside", each.address, f"{each.port} is {each.kind}", each.reason]
        for exposure in found.hosts.values()
        for each in exposure.differences
    ]
    parts = [table(["host", "seen from", "at", "open"], rows)]
    parts += [table(["host", "seen from", "at", "differs", "why"], wrong)] if wrong else []
    parts += [] if found.error() else [f"exactly what was compiled is open, in {found.seconds:.0f} s"]
    parts += [_without(bare)] if bare else []
    return Outcome(result=_document(found), text="\n\n".join(parts), error=found.error())


def _document(found: Exposures) -> dict[str, object]:
    return {
        "seconds": found.seconds,
        "hosts": {
            name: {
                "compiled": _plain(exposure.compiled),
                "seen": [
                    {"from": each.viewer or "outside", "source": each.source, "address": each.address, "open": list(each.open)}
                    for each in exposure.seen
                ],
                "differences": [
                    {
                        "from": each.viewer or "outside",
                        "address": each.address,
                        "port": each.port,
                        "is": each.kind,
                        "why": each.reason,
                    }
                    for each in exposure.differences
                ],
                "not_seen": list(exposure.blind),
            }
            for name, exposure in found.hosts.items()
        },
    }


def _plain(opened: tuple[Opening, ...]) -> list[dict[str, object]]:
    return [{"port": each.port, "protocol": each.protocol, "from": list(each.sources), "why": each.reason} for each in opened]


def _whom(workspace: Workspace, opening: Opening) -> str:
    """Addresses of the environment's own hosts by their names."""
    names = {host.private_address: host.name for host in workspace.environment.hosts.values()}
    return ", ".join(f"{names[each]} ({each})" if each in names else each for each in opening.sources)
