"""Building an artefact on a host, once for all hosts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from windlass.operations.operation import LocalFile, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Build(Operation):
    """Unpack a source, install its dependencies, run its build commands, and pack the result.

    root           the application's folder; work happens in `<root>/build`, dependencies are kept in `<root>/cache`
    user           who builds
    source         a tar of the source
    install        what installs the dependencies; skipped when those for this lockfile and `toolchain` are in the cache
    venv           the Python whose virtual environment `.venv` the dependencies go into; empty: they go into `node_modules`
    toolchain      what the dependencies depend on besides the lockfile (the command's version is asked: `node --version`)
    mtime          seconds since 1970 given to every packed file, so that the same source packs to the same bytes
    unless         while there is this file, something else has to be done first: nothing is built, and nothing is changed
    Data: `path` of the artefact (tar.zst), `sha256`, `size`, `cached` (dependencies), `seconds` of each step.
    """

    family: ClassVar[str] = "build"

    root: str
    user: str
    source: LocalFile
    install: str
    lockfile: str
    commands: tuple[str, ...]
    prune: str = ""
    exclude: tuple[str, ...] = ()
    venv: str = ""
    toolchain: tuple[str, ...] = ("node --version",)
    mtime: int = 0
    unless: str = ""
    limit_seconds: float = 1800.0

    def title(self) -> str:
        return "build"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFile(Operation):
    """Send a file of the host's to the controller, as stream `stream`. Data: `size`, `sha256`."""

    family: ClassVar[str] = "build"

    path: str
    stream: int = 1
    remove: bool = False

    def title(self) -> str:
        return f"fetch {self.path}"
