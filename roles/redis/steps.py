"""What the role redis wants of a host."""

from __future__ import annotations

from windlass.errors import InventoryError
from windlass.operations.command import Run
from windlass.operations.directory import Directory
from windlass.operations.file import File
from windlass.operations.operation import Operation
from windlass.operations.package import Package
from windlass.operations.service import Service
from windlass.operations.template import Template
from windlass.plans.firewall import private_addresses
from windlass.plans.topology import HostView
from windlass.values import Command

from .settings import Settings

DROP_IN = "/etc/systemd/system/redis-server.service.d"
AFTER_NETWORK = """\
# Written by Windlass: changes made here are lost. At boot Redis cannot start before its address is there.
[Unit]
Wants=network-online.target
After=network-online.target
"""


def steps(host: HostView, settings: Settings) -> list[Operation]:
    """Redis has no reload: a changed setting restarts it. What is in it comes back from the disk."""
    _refuse_open_doors(host, settings)
    addresses = dict.fromkeys(("127.0.0.1", *private_addresses([host.environment.host(host.name)])))
    configuration = Template(
        path="/etc/redis/redis.conf",
        source=host.template("redis/redis.conf.j2"),
        name="redis/redis.conf.j2",
        values=settings.model_dump()
        | {"addresses": tuple(addresses), "password": host.secret(settings.password.secret) if settings.password else ""},
        owner="redis",
        group="redis",
        mode="0640",
    )
    drop_in = File(path=f"{DROP_IN}/windlass.conf", content=AFTER_NETWORK)
    return [
        Package(names=("redis-server",)),
        Directory(path=DROP_IN),
        drop_in,
        # systemd does not notice the first file in a new folder by itself.
        Run(command=Command.of("systemctl", "daemon-reload"), name="systemd reads its units again", run_on=(drop_in,)),
        configuration,
        Service(name="redis-server", restart_on=(configuration,)),
    ]


def _refuse_open_doors(host: HostView, settings: Settings) -> None:
    if settings.password is None and "firewall" not in host.environment.roles_of(host.name):
        raise InventoryError(
            f"host {host.name}: Redis would serve anybody who reaches it: it has no password, and the host no firewall",
            hint="give redis.password a secret, or give the host the role firewall before redis",
        )
