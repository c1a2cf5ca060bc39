"""What the start of the program leaves out. Imported before Invoke, whose own imports are half of the time to a list of tasks.

Invoke loads `unittest.mock` (with asyncio and ssl behind it) for a class that only its users' tests need, and its copy of a YAML
reader for configuration files that most people do not have. Both are loaded here when they are first used.
"""

from __future__ import annotations

import gc
import importlib
import sys
from types import ModuleType
from typing import Any

ROOMY = 50_000  # objects until Python looks for garbage: what a start makes stays anyway


class _Later(ModuleType):
    """Stands for a module until something of it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_real(self), name)


def _real(stand_in: ModuleType) -> ModuleType:
    if sys.modules.get(stand_in.__name__) is stand_in:
        del sys.modules[stand_in.__name__]
    return importlib.import_module(stand_in.__name__)


def start() -> None:
    """Import Invoke without what nobody needs. It does nothing where somebody has imported these modules already."""
    gc.set_threshold(ROOMY, 20, 20)
    if "invoke" in sys.modules or "unittest.mock" in sys.modules:
        return
    mock = ModuleType("unittest.mock")
    mock.Mock = lambda *arguments, **options: importlib.import_module("unittest.mock").Mock(*arguments, **options)  # type: ignore[attr-defined]
    sys.modules["unittest.mock"] = mock
    sys.modules["invoke.vendor.yaml"] = _Later("invoke.vendor.yaml")
    try:
        import invoke  # noqa: F401
    finally:
        del sys.modules["unittest.mock"]  # whoever asks for it from now on gets the real one
