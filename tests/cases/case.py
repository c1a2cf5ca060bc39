"""The cases of Windlass's own operations: the `.yml` files in this folder, each named like its family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from windlass.testing.cases import Place, go_through, in_lab, operation_classes, read_cases
from windlass.testing.cases import cases as cases_of

__all__ = ["FOLDER", "Place", "cases", "go_through", "in_lab", "operation_classes", "read_cases"]

FOLDER = Path(__file__).parent


def cases() -> list[Any]:
    """All of them as parameters of a test."""
    return cases_of(FOLDER)
