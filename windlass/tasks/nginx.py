"""`nginx.check`, `nginx.apply`, `nginx.reload`: the sites, without the rest of the playbook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from windlass.events import Listener
    from windlass.flows.edge.nginx import Sites
    from windlass.flows.workspace import Workspace
    from windlass.tasks.door import Outcome

SITE = "only the site of this application; what all sites share is left alone"


@command(site=SITE)
def check(
    _context: Context,
    *,
    env: str = "",
    site: str = "",
    limit: str = "",
    diff: bool = False,
    json: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Say what would change in nginx's sites, and what nginx would refuse.

    Host by host and site by site. nginx tests a copy; nothing is touched.

    Example:

        invoke nginx.check --env staging --diff

    Exit codes: 0 nginx would take it, 1 it would not, 2 wrong usage or
    inventory, 3 it would not on some hosts.
    """
    from windlass.flows.edge.nginx import apply as flow
    from windlass.flows.edge.nginx import serving
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        return _outcome(flow(workspace, serving(workspace, limit, site), check=True, listener=listener), check=True)

    run_flow("nginx.check", Options.of(locals(), check=True), work, changes=False)


@command(site=SITE)
def apply(
    _context: Context,
    *,
    env: str = "",
    site: str = "",
    limit: str = "",
    diff: bool = False,
    json: bool = False,
    yes: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Write the sites, have nginx load them, and ask each of them.

    A site that nginx or its first probe refuses is put back. The other sites of
    the host never notice, and become what they should be.

    Example:

        invoke nginx.apply --env staging --site shop

    Exit codes: 0 done, 1 a site was put back, 2 wrong usage or inventory, 3 on
    some hosts, 4 not confirmed.
    """
    from windlass.flows.edge.nginx import apply as flow
    from windlass.flows.edge.nginx import serving
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        return _outcome(flow(workspace, serving(workspace, limit, site), listener=listener), check=False)

    run_flow("nginx.apply", Options.of(locals()), work)


@command()
def reload(
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
    Have nginx test and load what is on its hosts' disks.

    That it really loaded it is made sure of.

    Example:

        invoke nginx.reload --env staging --limit web1

    Exit codes: 0 done, 1 nginx would not and goes on as it was, 2 wrong usage
    or inventory, 4 not confirmed.
    """
    from windlass.flows.edge.nginx import reload as flow
    from windlass.flows.edge.nginx import serving
    from windlass.tasks.door import Outcome
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        hosts = list(serving(workspace, limit))
        flow(workspace, hosts, listener=listener)
        return Outcome(result={"reloaded": hosts}, text=f"reloaded on {', '.join(hosts)}")

    run_flow("nginx.reload", Options.of(locals()), work)


def _outcome(found: Sites, *, check: bool) -> Outcome:
    from windlass.report.tables import table
    from windlass.tasks.door import Outcome

    words = {"changed": "would change" if check else "changed"}
    rows = [[host, site, words.get(state, state)] for host, sites in found.hosts.items() for site, state in sites.items()]
    rows += [[host, title, words["changed"]] for host, titles in found.others.items() for title in titles]
    result = {"sites": found.hosts, "others": {host: list(titles) for host, titles in found.others.items()}}
    return Outcome(result=result, text=table(["host", "site", "state"], rows), error=found.error())
