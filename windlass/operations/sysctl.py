"""Settings of the kernel."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Sysctl(Operation):
    """A setting of the kernel, now and after a boot: a file of its own in /etc/sysctl.d, and the running kernel.

    name   with dots, as `sysctl` shows it: `vm.overcommit_memory`
    value  blanks between numbers count as one
    live   set it in the running kernel, too; not possible in many containers, whose kernel belongs to another
    absent no longer kept for the next boot; what counts now stays until then
    """

    family: ClassVar[str] = "sysctl"

    name: str
    value: str | int = ""
    live: bool = True
    absent: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-zA-Z0-9_-]+([./][a-zA-Z0-9_@:-]+)+", self.name):
            raise InventoryError(f"{self.name!r} is not the name of a kernel setting", hint="for example net.core.somaxconn")
        if not self.absent and not str(self.value).strip():
            raise InventoryError(f"kernel setting {self.name} has no value")

    def title(self) -> str:
        if self.absent:
            return f"no kernel setting {self.name}"
        return f"kernel setting {self.name} = {self.value}"
