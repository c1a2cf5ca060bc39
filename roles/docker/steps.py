"""What the role docker wants of a host."""

from __future__ import annotations

from windlass.operations.operation import Operation
from windlass.operations.package import Package
from windlass.operations.service import Service
from windlass.plans.topology import HostView

from .settings import Settings


def steps(_host: HostView, settings: Settings) -> list[Operation]:
    """It runs, and a boot starts it again."""
    return [*([Package(names=settings.packages)] if settings.packages else []), Service(name="docker")]
