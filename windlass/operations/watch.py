"""The first seconds after a switch, watched over by the host itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from windlass.operations.gate import Instance
from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch(Operation):
    """See that what serves since the switch stays as fit as the gate found it, and is not restarted.

    If it does not, the host switches back to the slot before by itself, at once, and then fails with the application's last
    lines. It does not need the controller for that: one that has died meanwhile strands nothing.

    root       the application's folder
    instances  the processes of the slot that serves now
    before     the slot that served before; empty if there was none: then nothing serves again
    seconds    how long
    arriving_seconds  how long they may take to get fit first: where a watch is taken up again, the host may just have booted
    """

    family: ClassVar[str] = "watch"

    root: str
    instances: tuple[Instance, ...]
    before: str
    seconds: float
    arriving_seconds: float = 0.0

    def title(self) -> str:
        return f"watch for {self.seconds:g} s"
