"""Where a host thinks that it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeZone(Operation):
    """The host's time zone. What runs already keeps the old one: restart it, above all cron.

    name  as the tz database has it: "Europe/Berlin", "UTC"
    """

    family: ClassVar[str] = "time_zone"

    name: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", self.name):
            raise InventoryError(f"{self.name!r} is not a time zone", hint='for example "Europe/Berlin" or "UTC"')

    def title(self) -> str:
        return f"time zone {self.name}"
