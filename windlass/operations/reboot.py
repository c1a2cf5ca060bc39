"""Starting a host anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Reboot(Operation):
    """Reboot the host and come back: what follows in the batch is done after the reboot, over a new connection.

    Without a condition it reboots on every run. That it did is proved by the host's boot id.

    reason         why, for those who watch
    when_required  only if the system says that it wants one (/run/reboot-required)
    reboot_on      only if one of these operations changed something, in this run or in an earlier one that broke
    limit_seconds  how long until it must answer again
    """

    family: ClassVar[str] = "reboot"

    reason: str = ""
    when_required: bool = False
    reboot_on: tuple[Operation, ...] = ()
    limit_seconds: float = 600.0

    def title(self) -> str:
        return f"reboot ({self.reason})" if self.reason else "reboot"

    def watched(self) -> Mapping[str, tuple[Operation, ...]]:
        return {"reboot": self.reboot_on} if self.reboot_on else {}
