"""Programs from the npm registry, for everybody on a host."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.operation import Operation

_NAME = r"(@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*"


@dataclass(frozen=True, slots=True, kw_only=True)
class NpmPackage(Operation):
    """Packages that are installed globally, or are not; whatever is missing comes with one call of npm.

    names          "pm2", "pm2@5.4.2", or "pm2@5" and "pm2@5.4" for any of these; tags and ranges are not understood
    prefix         where npm installs to; empty: where it does by itself
    absent         they should not be installed
    limit_seconds  how long one call of npm may take
    """

    family: ClassVar[str] = "npm"

    names: tuple[str, ...]
    prefix: str = ""
    absent: bool = False
    limit_seconds: float = 600.0

    def __post_init__(self) -> None:
        for name in self.names:
            if not re.fullmatch(_NAME + r"(@\d+(\.\d+(\.\d+[A-Za-z0-9.+-]*)?)?)?", name):
                raise InventoryError(f"{name!r} is not a package of npm with a version", hint="for example pm2, pm2@5 or pm2@5.4.2")

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}npm package {', '.join(self.names)}"
