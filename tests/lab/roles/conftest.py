"""The hosts of all tests of roles."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.foresight import Witness
from tests.lab.roles.place import NAME, Site, make_project, serve
from tests.lab.suite.stock import furnished
from windlass import lab
from windlass.flows.setup import setup
from windlass.flows.twin import lab_spec, labs_folder
from windlass.flows.workspace import load_environment, open_workspace

KINDS = {"app2": "app"}  # all other hosts are bare, app1 of the same roles among them


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    project = tmp_path_factory.mktemp("project")
    make_project(project)
    try:
        running = furnished(lab_spec(load_environment(project, NAME)), labs_folder(project), KINDS)
        workspace = open_workspace(project, NAME, lab=True)
        hosts = workspace.hosts()
        foretold, witnessed = Witness(), Witness()
        yield Site(
            workspace,
            running,
            setup(workspace, hosts, check=True, listener=foretold),
            setup(workspace, hosts, listener=witnessed),
            setup(workspace, hosts),
            foretold,
            witnessed,
        )
    finally:
        lab.down(NAME, root=labs_folder(project), say=_silent)


@pytest.fixture
def released(site: Site) -> Iterator[Site]:
    """Something that answers in both slots of tickets on both hosts, blue being live; gone after the test."""
    try:
        for host in ("app1", "app2"):
            for slot in ("blue", "green"):
                serve(site, host, "tickets", f"/run/tickets/{slot}/web-0.sock", slot)
            site.shell(host, "ln -sfn slots/blue /srv/tickets/live")
        site.shell("web1", "until curl -sf -o /dev/null localhost; do sleep 0.1; done")
        yield site
    finally:
        for host in ("app1", "app2"):
            site.shell(host, "systemctl stop 'answer-*'; rm -f /srv/tickets/live /run/tickets/*/*.sock")


def _silent(_line: str) -> None:
    """Tests read results, not progress."""
