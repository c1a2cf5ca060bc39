"""The hosts of all tests of certificates."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.suite.stock import furnished
from tests.lab.tls.place import ANSWER, INVENTORY, NAME, NAMES, Site
from windlass import lab
from windlass.flows.twin import lab_spec, labs_folder
from windlass.flows.workspace import load_environment
from windlass.lab import authority

KINDS = {"web1": "bare", "web2": "data", "app1": "edge"}


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    project = tmp_path_factory.mktemp("project")
    folder = project / "inventories" / NAME
    folder.mkdir(parents=True)
    (folder / "hosts.yml").write_text(INVENTORY)
    try:
        running = furnished(lab_spec(load_environment(project, NAME)), labs_folder(project), KINDS)
        api, chain, key = authority.certificate_for("ca")
        site = Site(project, running, api)
        site.settings()
        addresses = {host: [running.hosts[host].address] for host in ("web1", "web2")}
        # One name leads to each balancer, so that the second has to have the proof that the first was given.
        authority.start(lambda script: site.shell("ca", script), chain, key, dict(zip(NAMES, addresses.values(), strict=True)))
        site.api = api + site.root
        site.settings()
        assert site.setup("app").error() is None
        site.shell("app1", f"mkdir -p /srv/shop/live/run; cat > /srv/answer.py <<'END'\n{ANSWER}END")
        site.shell("app1", "systemd-run --quiet --unit=answer --property=UMask=0 python3 /srv/answer.py")
        assert site.setup(check=True).error() is None
        site.first = site.issue()
        yield site
    finally:
        lab.down(NAME, root=labs_folder(project), say=_silent)


def _silent(_line: str) -> None:
    """Tests read results, not progress."""
