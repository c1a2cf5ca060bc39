"""What the role python wants of a host."""

from __future__ import annotations

from windlass.operations.operation import Operation
from windlass.operations.package import Package
from windlass.plans.topology import HostView

from .settings import Settings


def steps(_host: HostView, settings: Settings) -> list[Operation]:
    """One package after the other would take apt as long again."""
    names = tuple(dict.fromkeys([*settings.packages, *settings.more_packages]))
    return [Package(names=names)] if names else []
