"""Where an application's code comes from: a git repository, a folder of the project, a published package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ValidatorFunctionWrapHandler

from windlass.inventory.schema import Entry, Matching

GitReference = Annotated[str, Matching(r"[^\s~^:?*\[\\-][^\s~^:?*\[\\]*", "a branch, a tag or a commit")]
PackageName = Annotated[
    str, Matching(r"(?:@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*", "a package's name such as verdaccio or @scope/name")
]
PackageVersion = Annotated[str, Matching(r"\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?", "one exact version such as 6.10.4")]


class GitSource(Entry):
    """Code from a git repository."""

    git: str
    """Address of the repository, or a path on the controller (from the project's folder)"""
    ref: GitReference = "main"
    """Branch, tag or commit that is deployed when the command names none"""
    folder: str = ""
    """Folder of the repository that holds the application; empty for its top"""


class PathSource(Entry):
    """Code from a folder of the project itself."""

    path: str
    """The folder, from the project's folder; what git tracks there and what is new there is deployed"""


class NpmSource(Entry):
    """A published package of the npm registry, as it is."""

    npm: PackageName
    """Name of the package"""
    version: PackageVersion
    """The exact version"""
    overrides: Mapping[str, str] = {}
    """Versions of packages it depends on that are taken instead of those it asks for, as in npm's `overrides`"""


Source = GitSource | PathSource | NpmSource
_SOURCES: Mapping[str, type[Entry]] = {"git": GitSource, "path": PathSource, "npm": NpmSource}


def one_source(value: Any, _every_kind: ValidatorFunctionWrapHandler) -> Any:
    """Validate as the one kind that is meant: faults of the other two kinds would only confuse."""
    if isinstance(value, Source):
        return value
    if not isinstance(value, dict):
        raise ValueError("should be a mapping with one of git, path, npm, such as `path: samples/tickets`")  # noqa: TRY004
    given = [kind for kind in _SOURCES if kind in value]
    if len(given) != 1:
        raise ValueError(f"should have exactly one of git, path, npm, not {' and '.join(given) or 'none of them'}")
    return _SOURCES[given[0]].model_validate(value)
