"""What the start of the program leaves out. Imported before Invoke, whose own imports are half of the time to a list of tasks.

Invoke loads `unittest.mock` (with asyncio and ssl behind it) for a class that only its users' tests need, and its copy of a YAML
reader for configuration files that most people do not have. Both are loaded here when they are first used. Pydantic looks through
all installed packages for plugins of its own, and Windlass has none; Paramiko asks for its own version, and all of `email` is
loaded to read it, and it loads `tempfile` (with shutil and three ways of compression behind it) for keys that are passed on.
Pydantic's core describes its schemas with ninety TypedDicts whose thousand fields Python compiles one by one, for type checkers
that read them elsewhere: they are plain classes here.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

INFO = ".dist-info"
CORE_SCHEMA = "pydantic_core.core_schema"
_replacing = threading.Lock()


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


class _Described:
    """Stands for a TypedDict: called, it makes a dict."""

    def __new__(cls, **items: Any) -> dict[str, Any]:  # type: ignore[misc]  # as TypedDict does
        return items

    def __init_subclass__(cls, *, total: bool = True) -> None:
        """Whether all fields have to be there is for type checkers."""


class _Undescribed(SourceFileLoader):
    """Loads a module without looking into its TypedDicts."""

    def exec_module(self, module: ModuleType) -> None:
        source = importlib.import_module("typing" if sys.version_info >= (3, 12) else "typing_extensions")
        real = source.TypedDict
        source.TypedDict = _Described  # type: ignore[attr-defined]
        try:
            super().exec_module(module)
        finally:
            source.TypedDict = real  # type: ignore[attr-defined]


class _Undescribing:
    """Finds the one module that this is worth it for."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != CORE_SCHEMA:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec and type(spec.loader) is SourceFileLoader:
            spec.loader = _Undescribed(spec.loader.name, spec.loader.path)
        return spec


def _real(stand_in: ModuleType) -> ModuleType:
    with _replacing:  # several hosts may need it at the same time
        if sys.modules.get(stand_in.__name__) is stand_in:
            del sys.modules[stand_in.__name__]
    return importlib.import_module(stand_in.__name__)


def start() -> None:
    """Import Invoke without what nobody needs. It does nothing where somebody has imported these modules already."""
    _without_plugins()
    if CORE_SCHEMA not in sys.modules:
        sys.meta_path.insert(0, _Undescribing())
    if "importlib.metadata" not in sys.modules:
        importlib.metadata = sys.modules["importlib.metadata"] = _Metadata("importlib.metadata")
    sys.modules.setdefault("tempfile", _Later("tempfile"))
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
