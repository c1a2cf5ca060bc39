"""The host that all tests of backups share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.backups.place import INVENTORY, NOISE, TICKETS, Place
from windlass import lab
from windlass.flows.twin import lab_spec, labs_folder
from windlass.flows.workspace import load_environment, open_workspace


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    project = tmp_path_factory.mktemp("vault")
    (project / "inventories" / "vault").mkdir(parents=True)
    (project / "inventories" / "vault" / "hosts.yml").write_text(INVENTORY)
    try:
        environment = load_environment(project, "vault")
        running = lab.up(lab_spec(environment), root=labs_folder(project), say=_silent)
        there = Place(project, open_workspace(project, "vault", lab=True), running.hosts["backup"], running.hosts["spare"])
        there.shell("apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql zstd >/dev/null")
        there.sql(TICKETS + NOISE, "postgres")
        yield there
    finally:
        lab.down("vault", root=labs_folder(project), say=_silent)


def _silent(_line: str) -> None:
    """Tests read results, not progress."""
