"""What the role wants of a host."""

from windlass.operations.command import Run
from windlass.operations.operation import Operation
from windlass.operations.package import Package
from windlass.plans.topology import HostView

from .settings import Settings


def steps(_host: HostView, settings: Settings) -> list[Operation]:
    made = f"docker image inspect {settings.image} >/dev/null 2>&1"
    return [
        Package(names=("busybox-static",)),
        Run(command=f"tar -C / -c bin/busybox | docker import - {settings.image}", name="an image to build from", unless=made),
    ]
