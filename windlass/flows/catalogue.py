"""Finds roles and templates: a user's own first, one by one, then the ones that come with Windlass.

A role is a folder with `defaults.yml` (its settings, explained), `settings.py` (a class `Settings`) and `steps.py` (a pure
function `steps(host, settings)` that gives operations). Inside a role, modules import each other relatively.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.machinery
import importlib.util
import os
import re
import stat
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from types import ModuleType

from pydantic import BaseModel

import windlass
from windlass import operations
from windlass.errors import UsageError, WindlassError
from windlass.inventory import RoleSchema
from windlass.operations.operation import Operation
from windlass.operations.template import MOST_TEXTS, TemplateText
from windlass.plans.topology import HostView

Steps = Callable[[HostView, BaseModel], Sequence[Operation]]
PARTS = ("defaults.yml", "settings.py", "steps.py")


def shipped(name: str) -> Path:
    """Something that comes with Windlass: inside the installed package, or at the top of the repository."""
    package = Path(windlass.__file__).parent
    bundled = package / "bundled" / name
    return bundled if bundled.exists() else package.parent / name


@dataclass(frozen=True)
class Catalogue:
    """The roles and templates that a project can use."""

    project: Path

    @cached_property
    def folders(self) -> Mapping[str, Path]:
        """The folder of each role by its name."""
        found: dict[str, Path] = {}
        for place in (shipped("roles"), self.project / "roles"):
            found |= {path.name: path for path in sorted(place.glob("*/")) if _is_role(path)}
        return found

    def schemas(self) -> Mapping[str, RoleSchema]:
        """What the inventory needs to know about each role. Raises UsageError when one is asked for that cannot be loaded."""
        return _Schemas(self)

    def schema(self, role: str) -> RoleSchema:
        """What the inventory needs to know about one role. Raises UsageError when it cannot be loaded."""
        return RoleSchema(role, self.folders[role] / "defaults.yml", self._model(role))

    def wanted(self, role: str, host: HostView, settings: BaseModel) -> Sequence[Operation]:
        """What a role wants of a host; its steps are loaded when they are first asked for.

        Raises what the role raises on purpose, and UsageError that says where in the role any other fault is.
        """
        steps = self._steps(role)
        try:
            given: object = steps(host, settings)
            found = tuple(given) if isinstance(given, Iterable) else given
        except WindlassError as error:
            if not error.last_lines and not self.folders[role].is_relative_to(shipped("roles")):
                error.last_lines = tuple(_places(error, self.folders[role]))
            raise
        except Exception as error:
            why = f"its steps for {host.name} broke"
            raise _unfit(role, self.folders[role], why, _tail(error, self.folders[role])) from error
        return self._operations(role, host, found)

    def _operations(self, role: str, host: HostView, found: object) -> Sequence[Operation]:
        if not isinstance(found, tuple):
            why = f"its steps for {host.name} gave {found!r} instead of a list of operations: is there a `return`?"
            raise _unfit(role, self.folders[role], why)
        for each in found:
            if not isinstance(each, Operation):
                raise _unfit(role, self.folders[role], f"its steps for {host.name} gave {each!r}, which is no operation")
        return found

    def template(self, name: str) -> str:
        """The text of `role/file` under templates/, read once for all hosts. Raises UsageError where it is not there."""
        if ".." in name.split("/"):
            raise UsageError(f"a template cannot be outside of templates/: {name}")
        for place in self._template_places:  # each host asks, so without the objects that paths are
            if state := _state(f"{place}/{name}"):
                return _text(f"{place}/{name}", state)
        raise UsageError(f"there is no template {name}", hint=f"expected it at {self.project / 'templates' / name}")

    @cached_property
    def _template_places(self) -> tuple[str, ...]:
        """A project's own come first."""
        return str(self.project / "templates"), str(shipped("templates"))

    @cached_property
    def _steps(self) -> Callable[[str], Steps]:
        """Gives the function of a role, looked for once for all hosts. Raises UsageError where there is none."""
        return cache(self._function)

    def _function(self, role: str) -> Steps:
        steps: Steps | None = getattr(self._module(role, "steps"), "steps", None)
        if steps is None:
            raise _unfit(role, self.folders[role], "steps.py has no function `steps(host, settings)`")
        return steps

    def _model(self, role: str) -> type[BaseModel]:
        missing = [part for part in PARTS if not (self.folders[role] / part).is_file()]
        if missing:
            raise _unfit(role, self.folders[role], f"it lacks {', '.join(missing)}")
        model = getattr(self._module(role, "settings"), "Settings", None)
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise _unfit(role, self.folders[role], "settings.py has no Pydantic model `Settings`")
        return model

    def _module(self, role: str, part: str) -> ModuleType:
        package = _package(self.folders[role])
        try:
            return importlib.import_module(f"{package}.{part}")
        except Exception as error:
            fault = _unfit(role, self.folders[role], f"{part}.py cannot be loaded", _tail(error, self.folders[role]))
            if isinstance(error, ImportError) and (error.name or "").startswith("windlass.operations"):
                fault.hint = _home(str(error))
            raise fault from error


@lru_cache(maxsize=MOST_TEXTS)
def _text(path: str, _state: tuple[int, ...]) -> TemplateText:
    """As it was when it was in this state: a project's own may be changed while a program that uses Windlass goes on."""
    return TemplateText(Path(path).read_text(encoding="utf-8"))


def _state(path: str) -> tuple[int, ...]:
    """What changes with a file; nothing where none is."""
    with contextlib.suppress(OSError, ValueError):
        status = os.stat(path)  # noqa: PTH116 - see `template`
        return (status.st_mtime_ns, status.st_size, status.st_ino) if stat.S_ISREG(status.st_mode) else ()
    return ()


class _Schemas(Mapping[str, RoleSchema]):
    """The schema of each role of a catalogue by its name; most environments have few of all roles."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._loaded: dict[str, RoleSchema] = {}

    def __getitem__(self, role: str) -> RoleSchema:
        if role not in self._loaded:
            self._loaded[role] = self._catalogue.schema(role)
        return self._loaded[role]

    def __contains__(self, role: object) -> bool:
        return role in self._catalogue.folders

    def __iter__(self) -> Iterator[str]:
        return iter(self._catalogue.folders)

    def __len__(self) -> int:
        return len(self._catalogue.folders)


def _home(said: str) -> str:
    """Where the operation is that a role looks for in the wrong module."""
    found = re.match(r"cannot import name '(\w+)'", said)
    name = found[1] if found else "-"
    for path in sorted(Path(operations.__file__).parent.glob("*.py")):
        if re.search(rf"^class {name}\b", path.read_text(encoding="utf-8"), re.MULTILINE):
            return f"{name} is in windlass.operations.{path.stem}"
    return "docs/operations.md says which module each operation is in"


def _is_role(folder: Path) -> bool:
    return folder.name.isidentifier() and any((folder / part).is_file() for part in PARTS)


def _package(folder: Path) -> str:
    """Make the folder a package under a name of its own, so that two roles of the same name in two places do not clash."""
    name = f"windlass_role_{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}_{folder.name}"
    if name not in sys.modules:
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        sys.modules[name] = importlib.util.module_from_spec(spec)
    return name


def _tail(error: Exception, folder: Path) -> list[str]:
    """Where in the role's own files it went wrong, and what; a syntax error says for itself where it is."""
    return _places(error, folder) + "".join(traceback.format_exception_only(error)).rstrip().splitlines()


def _places(error: Exception, folder: Path) -> list[str]:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(folder)]
    return [f"{frame.filename}:{frame.lineno}" for frame in frames[-1:]]


def _unfit(role: str, folder: Path, why: str, lines: Sequence[str] = ()) -> UsageError:
    return UsageError(f"the role {role} is not usable: {why}", hint=f"see {folder}", last_lines=lines)
