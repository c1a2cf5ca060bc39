"""What the role docker wants of a host."""

from __future__ import annotations

from typing import Final

from windlass.operations.directory import Directory
from windlass.operations.document import JsonValue
from windlass.operations.operation import Operation
from windlass.operations.package import Package
from windlass.operations.service import Service
from windlass.plans.topology import HostView

from .settings import Settings

DAEMON: Final = "/etc/docker/daemon.json"


def steps(_host: HostView, settings: Settings) -> list[Operation]:
    """It runs, and a boot starts it again. Its first start knows how to keep logs already."""
    packages = [Package(names=settings.packages)] if settings.packages else []
    return [*_logs(settings), *packages, Service(name="docker")]


def _logs(settings: Settings) -> list[Operation]:
    """Two values of a file that may hold others: where images are, which registries are trusted."""
    if not settings.log_driver:
        return []
    return [
        Directory(path="/etc/docker", owner="", group="", mode=""),
        JsonValue(path=DAEMON, keys=("log-driver",), value=settings.log_driver, create=True),
        JsonValue(path=DAEMON, keys=("log-opts",), value=dict(settings.log_options)),
    ]
