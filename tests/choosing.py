"""Which files are looked into at all: the lab's are as long in being imported as the quick tests of a room are in running."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ALL_OF_IT = re.compile(r"^pytestmark = pytest\.mark\.lab$", re.MULTILINE)
ANY_OF_IT = "mark.lab"


def holds_nothing(text: str, wanted: str) -> bool:
    """Whether a file of tests has none of those that `-m` wants; in doubt it may have some."""
    if wanted == "not lab":
        return bool(ALL_OF_IT.search(text))
    return wanted == "lab" and ANY_OF_IT not in text


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what `-m` would drop after it was imported, in each of the processes; with a whole folder, what its tests share."""
    wanted = config.option.markexpr
    if not wanted:
        return None
    files = collection_path.rglob("test_*.py") if collection_path.is_dir() else [collection_path]
    return all(path.match("test_*.py") and holds_nothing(path.read_text(), wanted) for path in files) or None
