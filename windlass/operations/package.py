"""Debian packages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.operation import Operation, check_place


@dataclass(frozen=True, slots=True, kw_only=True)
class Package(Operation):
    """Packages that are installed, or are not; whatever is missing comes with one call of apt-get.

    The list of packages is fetched only when something is missing and the list is old, empty, or older than the
    files that name the package sources. A lock that another apt or dpkg holds is waited for.

    names               package names; `name=version` asks for this very version, `name=1.24.*` for
                        one of these: whichever is there stays, else it is the newest that apt has
    absent              the packages should not be installed
    purge               with `absent`: their configuration goes too
    update_after_hours  how old the list of packages may be when something is to be installed
    recommends          install what the packages recommend, too
    lock_seconds        how long to wait for another apt or dpkg
    limit_seconds       how long one call of apt-get may take
    """

    family: ClassVar[str] = "package"

    names: tuple[str, ...]
    absent: bool = False
    purge: bool = False
    update_after_hours: float = 24.0
    recommends: bool = False
    lock_seconds: float = 300.0
    limit_seconds: float = 1800.0

    def __post_init__(self) -> None:
        version = "" if self.absent else r"(=\S+)?"
        for name in self.names:
            if not re.fullmatch(rf"[a-z0-9][a-z0-9.+-]*[a-z0-9.+](:[a-z0-9-]+)?{version}", name):
                raise InventoryError(
                    f"{name!r} cannot name a Debian package{' that is to go' if self.absent else ''}",
                    hint="a plain name" if self.absent else "a plain name, name=version, or name=1.24.*",
                )

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}package {', '.join(self.names)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageFile(Operation):
    """A package from a file on the host, which a `Download` or a `File` brought; what it depends on comes from apt's sources.

    Right is a host that has the name and the version which are in the file, or a newer one.

    path           of the file, ending in .deb
    downgrade      a newer version that is there is replaced, too
    lock_seconds   how long to wait for another apt or dpkg
    limit_seconds  how long apt-get may take
    """

    family: ClassVar[str] = "package"

    path: str
    downgrade: bool = False
    lock_seconds: float = 300.0
    limit_seconds: float = 1800.0

    def __post_init__(self) -> None:
        check_place(self.path)
        if not self.path.endswith(".deb"):
            raise InventoryError(f"{self.path} is not the name of a Debian package's file", hint="it ends in .deb")

    def title(self) -> str:
        return f"package from {self.path}"
