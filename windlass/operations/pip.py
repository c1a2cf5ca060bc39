"""Python packages, in virtual environments of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonEnvironment(Operation):
    """A virtual environment with packages in it. The system's own Python is left to Debian.

    path             of its folder; the one above must be there
    packages         as pip writes them: "gunicorn", "django==5.1.4", "psycopg[binary]>=3.2,<4"
    requirements     a requirements file on the host; installed when something in it is not so, or it changed
    require_hashes   install only what has a hash in `requirements`
    upgrade          to the newest versions that fit; asks the index on each run, in a check, too
    interpreter      what makes it; it is made anew where its interpreter is gone
    system_packages  it sees the system's packages, too
    user             who owns it and installs
    absent           there should be no such environment
    limit_seconds    how long one call of pip may take
    """

    family: ClassVar[str] = "pip"

    path: str
    packages: tuple[str, ...] = ()
    requirements: str = ""
    require_hashes: bool = False
    upgrade: bool = False
    interpreter: str = "python3"
    system_packages: bool = False
    user: str = "root"
    absent: bool = False
    limit_seconds: float = 900.0

    def __post_init__(self) -> None:
        if not self.path.startswith("/") or self.path.rstrip("/").count("/") < 2:
            raise InventoryError(
                f"{self.path!r} cannot be the folder of a virtual environment", hint='for example "/opt/tool/venv"'
            )
        if self.require_hashes and (self.packages or not self.requirements):
            raise InventoryError(
                f"environment {self.path}: hashes are written in a requirements file", hint="give requirements, and no packages"
            )
        _check(self.packages, self.path)

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}Python environment {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipPackage(Operation):
    """Packages in a virtual environment that is there.

    names          as pip writes them; with `absent` names alone
    environment    its folder
    absent         they should not be installed
    upgrade        to the newest versions that fit; asks the index on each run, in a check, too
    user           who installs
    limit_seconds  how long one call of pip may take
    """

    family: ClassVar[str] = "pip"

    names: tuple[str, ...]
    environment: str
    absent: bool = False
    upgrade: bool = False
    user: str = "root"
    limit_seconds: float = 900.0

    def __post_init__(self) -> None:
        _check(self.names, self.environment)

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}Python package {', '.join(self.names)} in {self.environment}"


def _check(names: tuple[str, ...], where: str) -> None:
    for name in names:
        if not name.strip() or name.lstrip().startswith("-") or "\n" in name:
            raise InventoryError(
                f"environment {where}: {name!r} is not a package", hint="options of pip belong into a requirements file"
            )
