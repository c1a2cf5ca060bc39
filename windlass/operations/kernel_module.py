"""Modules of the kernel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelModule(Operation):
    """A module that is loaded, now and at each boot; or one that is never loaded.

    name     such as "br_netfilter"
    options  such as "nf_conntrack_max=131072"; they count when the module is loaded next
    live     load (or unload) it now, too; a container shares the kernel of its machine and cannot
    absent   it is neither loaded now nor at a boot, and nothing may load it by itself
    """

    family: ClassVar[str] = "kernel_module"

    name: str
    options: str = ""
    live: bool = True
    absent: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.name) or "\n" in self.options:
            raise InventoryError(f"{self.name!r} is not a module of the kernel", hint="for example br_netfilter")

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}kernel module {self.name}"

    def arguments(self) -> Mapping[str, object]:
        load = "" if self.absent else f"{self.name}\n"
        rule = f"blacklist {self.name}\n" if self.absent else f"options {self.name} {self.options}\n" if self.options else ""
        files = {
            f"/etc/modules-load.d/windlass-{self.name}.conf": load,
            f"/etc/modprobe.d/windlass-{self.name}.conf": rule,
        }
        return {"name": self.name.replace("-", "_"), "files": files, "live": self.live, "absent": self.absent}
