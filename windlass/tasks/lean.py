"""What the start of the program leaves out. Imported before Invoke, whose own imports are half of the time to a list of tasks.

Invoke loads `unittest.mock` (with asyncio and ssl behind it) for a class that only its users' tests need, and its copy of a YAML
reader for configuration files that most people do not have. Both are loaded here when they are first used. Pydantic looks through
all installed packages for plugins of its own, and Windlass has none; Paramiko asks for its own version, and all of `email` is
loaded to read it.
"""

from __future__ import annotations

import gc
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

INFO = ".dist-info"
ROOMY = 50_000  # objects until Python looks for garbage: what a start makes stays anyway


class _Later(ModuleType):
    """Stands for a module until something of it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_real(self), name)


class _Metadata(_Later):
    """Knows the version of a package that is being imported from its folder's neighbour, `name-1.2.3.dist-info`."""

    def version(self, name: str) -> str:
        place = Path(getattr(sys.modules.get(name), "__file__", None) or "/nowhere/at/all").parent.parent
        beside = [each.name.removesuffix(INFO) for each in place.iterdir() if each.suffix == INFO] if place.is_dir() else []
        versions = [version for known, _, version in (each.partition("-") for each in beside) if known == name]
        found: str = versions[0] if len(versions) == 1 else _real(self).version(name)
        return found


def _real(stand_in: ModuleType) -> ModuleType:
    if sys.modules.get(stand_in.__name__) is stand_in:
        del sys.modules[stand_in.__name__]
    return importlib.import_module(stand_in.__name__)


def start() -> None:
    """Import Invoke without what nobody needs. It does nothing where somebody has imported these modules already."""
    gc.set_threshold(ROOMY, 20, 20)
    _without_plugins()
    if "importlib.metadata" not in sys.modules:
        importlib.metadata = sys.modules["importlib.metadata"] = _Metadata("importlib.metadata")
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


def _without_plugins() -> None:
    """Pydantic's own switch would still load `importlib.metadata` and all of `email` behind it."""
    if "pydantic" not in sys.modules:
        loader = ModuleType("pydantic.plugin._loader")
        loader.get_plugins = tuple  # type: ignore[attr-defined]
        sys.modules[loader.__name__] = loader
