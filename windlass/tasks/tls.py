"""`tls.issue`, `tls.renew`, `tls.status`: the certificates of the sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from windlass.events import Listener
    from windlass.flows.edge.tls import Served
    from windlass.flows.edge.tls_state import State
    from windlass.flows.workspace import Workspace
    from windlass.tasks.door import Outcome

APP = "only the site of this application"


@command(app=APP)
def issue(
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
    Get certificates for the sites that want one, and prove each of them.

    From whatever is there: set up, look, ask the authority, install, prove.
    Whatever the authority would refuse is said within seconds, and it is not
    asked. A certificate that is not yet to be renewed stays.

    Example:

        invoke tls.issue --env staging

    Exit codes: 0 done, 1 failed, 2 wrong usage or inventory, 4 the authority
    would refuse, or not confirmed.
    """
    from windlass.flows.edge.tls import chosen
    from windlass.flows.edge.tls import issue as flow
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        return _served(flow(workspace, chosen(workspace, app), listener=listener))

    run_flow("tls.issue", Options.of(locals()), work)


@command(app=APP, force="renew what is not yet to be renewed, too; authorities count how often")
def renew(
    _context: Context,
    *,
    env: str = "",
    app: str = "",
    force: bool = False,
    json: bool = False,
    yes: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Renew certificates that are due, and bring them to all their hosts.

    The host's own timer does the same. Where several balancers share a
    certificate, this belongs into the crontab of the machine you work from,
    once a day.

    Example:

        invoke tls.renew --env staging

    Exit codes: 0 done, 1 failed (a hook that failed, too), 2 wrong usage or
    inventory, 4 not confirmed.
    """
    from windlass.flows.edge.tls import chosen
    from windlass.flows.edge.tls import renew as flow
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        return _served(flow(workspace, chosen(workspace, app), force=force, listener=listener))

    run_flow("tls.renew", Options.of(locals()), work)


@command(app=APP)
def status(
    _context: Context,
    *,
    env: str = "",
    app: str = "",
    json: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Show the certificate that each https listener serves, and when it ends.

    Every listener is asked, by every name, and compared with what is on the
    host's disk.

    Example:

        invoke tls.status --env production

    Exit codes: 0 all is as it should be, 1 something is not, 2 wrong usage or
    inventory.
    """
    from windlass.flows.edge.tls import chosen, error_of
    from windlass.flows.edge.tls import status as flow
    from windlass.tasks.door import Outcome
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        found = flow(workspace, chosen(workspace, app), listener=listener)
        return Outcome(result={"certificates": _grouped(found)}, text=_table(found), error=error_of(found, shown=True))

    run_flow("tls.status", Options.of(locals()), work, changes=False)


def _served(served: Served) -> Outcome:
    from windlass.tasks.door import Outcome

    new = f"new: {', '.join(served.new)}" if served.new else "nothing was to be renewed"
    result = {"certificates": _grouped(served.states), "new": list(served.new), "seconds": served.seconds}
    return Outcome(result=result, text=f"{_table(served.states)}\n{new}; every listener serves what is on disk")


def _grouped(found: Sequence[State]) -> dict[str, list[dict[str, object]]]:
    grouped: dict[str, list[dict[str, object]]] = {}
    for state in found:
        grouped.setdefault(state.certificate, []).append(state.as_json())
    return grouped


def _table(found: Sequence[State]) -> str:
    from windlass.report.tables import table
    from windlass.tasks.typed import as_typed

    rows = [
        [
            state.certificate,
            state.host,
            ", ".join(state.served),
            state.installed.fingerprint[:16] if state.installed else "",
            f"{state.installed.ends:%Y-%m-%d %H:%M}" if state.installed else "",
            as_typed(state.problem) or "served as on disk",
        ]
        for state in found
    ]
    return table(["certificate", "host", "names", "sha256", "ends (UTC)", "state"], rows)
