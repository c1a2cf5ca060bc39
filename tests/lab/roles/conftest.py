"""The hosts of all tests of roles."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.first_setup import set_up
from tests.lab.roles.place import NAME, Site, make_project, serve

KINDS = {"web1": "bare", "app1": "bare", "app2": "app"}  # of the same roles, both those with an application


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Hosts that were set up, with a check before and a run after it; all but one are bare."""
    project = tmp_path_factory.mktemp("project")
    make_project(project)
    with set_up(Site, project, NAME, KINDS) as raised:
        yield raised


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
