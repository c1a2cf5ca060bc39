"""The host of the Python tests: up once for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.notes.place import NAME, Notes, raise_notes
from windlass import lab
from windlass.flows.twin import labs_folder


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notes]:
    """`notes` serves its first release."""
    folder = tmp_path_factory.mktemp("notes")
    try:
        raised = raise_notes(folder)
        raised.deploy()
        yield raised
    finally:
        lab.down(NAME, root=labs_folder(folder), say=lambda _line: None)
