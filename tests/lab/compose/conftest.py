"""The host of the tests of Docker Compose: up once for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.compose.place import HOST, NAME, Dock, make_project
from tests.lab.first_setup import set_up


@pytest.fixture(scope="package")
def dock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dock]:
    """A bare host that was set up, with a check before and a run after it."""
    folder = tmp_path_factory.mktemp("compose")
    make_project(folder)
    with set_up(Dock, folder, NAME, {HOST: "bare"}) as raised:
        yield raised
