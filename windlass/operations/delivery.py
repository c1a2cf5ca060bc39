"""Reading back what a host has sent to a store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack(Operation):
    """Read what is stored of a part to its end; the address is asked of the controller, and again where the line breaks.

    Data: `sha256` and `bytes` of what came, `seconds`.
    """

    family: ClassVar[str] = "delivery"

    part: str
    bytes: int

    def title(self) -> str:
        return f"read {self.part} back"
