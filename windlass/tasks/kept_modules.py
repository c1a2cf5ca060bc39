"""Where Python found the modules of a start, and what it read of them, is kept in one file for the next.

To import a module, Python looks for its name in folder after folder, opens its compiled file, and compares that with the source:
ten calls of the kernel for each of four hundred modules. Kept are the code, and the state of all that was looked at: the source
and the folders. A module of which any of it has changed is imported as ever.
"""

from __future__ import annotations

import atexit
import functools
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType
from typing import Final

from windlass.kept import Kept

KEPT: Final = Kept("modules", most=1500)  # of these, a start has four hundred: what is kept of them is large
_Key = tuple[str, tuple[str, ...]]  # a module's name, and the folders that it is looked for in


class _Loader(SourceFileLoader):
    """Python's own, but for the code, which is there already."""

    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self._code: CodeType | None = code

    def get_code(self, fullname: str) -> CodeType | None:
        code, self._code = self._code, None
        return code or super().get_code(fullname)


class _Finder:
    """Finds what is kept and has not changed."""

    def __init__(self) -> None:
        self._missed: dict[_Key, tuple[int, ...]] = {}

    def find_spec(self, name: str, path: Sequence[str] | None, _target: object = None) -> ModuleSpec | None:
        """None for what is to be looked for as ever."""
        key = (name, tuple(sys.path if path is None else path))
        folders = tuple(map(_changed_at, key[1]))
        known = KEPT.get(key)
        if known is None or known[0] != folders or known[1] != _state(known[2]):
            self._missed[key] = folders
            return None
        _folders, _source, file, cached, inside, code = known
        spec = ModuleSpec(name, _Loader(name, file, code), origin=file, is_package=inside is not None)
        spec.submodule_search_locations, spec.cached, spec.has_location = inside, cached, True
        return spec

    def keep_new(self) -> None:
        """What was imported although it was not known."""
        for (name, places), folders in self._missed.items():
            spec = getattr(sys.modules.get(name), "__spec__", None)
            if spec and spec.origin and spec.cached and type(spec.loader) is SourceFileLoader:
                inside, state = (
                    spec.submodule_search_locations,
                    _state(spec.origin),
                )  # before the code: what changes now is not known
                found = (spec.origin, spec.cached, inside if inside is None else list(inside), spec.loader.get_code(name))
                KEPT.put((name, places), (folders, state, *found))


def start() -> None:
    """From now on modules are imported from what is kept, and what is new is kept when the program ends."""
    finder = _Finder()
    KEPT.start()
    atexit.register(finder.keep_new)  # before what the line above has registered: the last one comes first
    sys.meta_path.insert(sys.meta_path.index(PathFinder), finder)


@functools.cache
def _changed_at(folder: str) -> int:
    """Nothing is made in folders of modules while a program starts."""
    try:
        return os.stat(folder or ".").st_mtime_ns  # noqa: PTH116 - there are many of these calls at each start
    except OSError:
        return 0


def _state(file: str) -> tuple[int, int]:
    try:
        status = os.stat(file)  # noqa: PTH116 - as above
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size
