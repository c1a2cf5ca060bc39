"""The host of the tests of Docker Compose: up once for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.compose.place import NAME, Dock, make_project
from tests.lab.foresight import Witness
from windlass import lab
from windlass.flows.setup import setup
from windlass.flows.twin import lab_spec, labs_folder
from windlass.flows.workspace import load_environment, open_workspace


@pytest.fixture(scope="package")
def dock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dock]:
    """A bare host that was set up, with a check before and a run after it."""
    folder = tmp_path_factory.mktemp("compose")
    make_project(folder)
    try:
        running = lab.up(lab_spec(load_environment(folder, NAME)), root=labs_folder(folder), say=_silent)
        workspace = open_workspace(folder, NAME, lab=True)
        hosts, foretold, witnessed = workspace.hosts(), Witness(), Witness()
        yield Dock(
            workspace,
            running,
            setup(workspace, hosts, check=True, listener=foretold),
            setup(workspace, hosts, listener=witnessed),
            setup(workspace, hosts),
            foretold,
            witnessed,
        )
    finally:
        lab.down(NAME, root=labs_folder(folder), say=_silent)


def _silent(_line: str) -> None:
    """Tests read results, not progress."""
