"""The host that all tests of backups share, whatever comes between them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.backups.place import INVENTORY, NOISE, TICKETS, WITHOUT_ITS_DATABASE, Place
from tests.lab.suite.shelf import stocked
from windlass import lab
from windlass.flows.twin import lab_spec, labs_folder
from windlass.flows.workspace import load_environment, open_workspace

KINDS = {"backup": "data", "spare": "data"}
PACKAGES = "DEBIAN_FRONTEND=noninteractive apt-get install -y -qq age >/dev/null"


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    project = tmp_path_factory.mktemp("vault")
    (project / "inventories" / "vault").mkdir(parents=True)
    (project / "inventories" / "vault" / "hosts.yml").write_text(INVENTORY)

    def there(running: lab.Lab) -> Place:
        return Place(project, open_workspace(project, "vault", lab=True), running.hosts["backup"], running.hosts["spare"])

    def fill(running: lab.Lab) -> None:
        there(running).shell(PACKAGES)
        there(running).spare(WITHOUT_ITS_DATABASE)
        there(running).sql(TICKETS + NOISE, "postgres")

    try:
        spec = lab_spec(load_environment(project, "vault"))
        work = INVENTORY + PACKAGES + WITHOUT_ITS_DATABASE + TICKETS + NOISE
        running = stocked(spec, labs_folder(project), KINDS, work, fill)
        there(running).shell("until su postgres -c 'psql -c \"select 1\"' >/dev/null 2>&1; do sleep 0.1; done")
        yield there(running)
    finally:
        lab.down("vault", root=labs_folder(project), say=_silent)


def _silent(_line: str) -> None:
    """Tests read results, not progress."""
