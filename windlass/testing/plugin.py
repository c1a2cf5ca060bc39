"""Fixtures for pytest. The package registers them; nothing of Windlass loads before one is used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from windlass.hosts.channel import Channel
    from windlass.testing.lab import LabHosts


@pytest.fixture(scope="module")
def lab_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabHosts]:
    """`lab_hosts(name, ["a", "b"])` boots a lab of this name with these hosts; it goes when the module's tests are over."""
    from windlass.testing.lab import labs  # noqa: PLC0415

    with labs(tmp_path_factory.mktemp("labs")) as hosts:
        yield hosts


@pytest.fixture(scope="module")
def windlass_agent() -> Iterator[Channel]:
    """The real agent on this machine, as whoever runs the tests: give it batches."""
    from windlass.testing.local import local_channel  # noqa: PLC0415

    channel = local_channel()
    yield channel
    channel.close()


@pytest.fixture
def windlass_project(request: pytest.FixtureRequest) -> Path:
    """The project that the tests belong to: the nearest folder, from the test's file upwards, that holds inventories."""
    here = request.path.parent
    return next((folder for folder in (here, *here.parents) if (folder / "inventories").is_dir()), here)
