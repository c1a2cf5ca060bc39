"""IPv6 for a lab that is up: addresses for its hosts and this machine, on a network of its own that leads nowhere else."""

from __future__ import annotations

import json
import subprocess
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import TYPE_CHECKING

from windlass.errors import LabError
from windlass.lab.machine import run_inside
from windlass.values import Command

if TYPE_CHECKING:
    from windlass.lab.description import Lab

ADD = "ip -6 address replace {address}/64 dev host0 nodad"


def network(subnet: str) -> IPv6Network:
    """The unique local network (RFC 4193) that goes with a lab's subnet: labs that differ in one differ in both."""
    first = int(IPv4Address(subnet.partition("/")[0]))
    return IPv6Network(((0xFD57 << 112) | (first << 80), 64))


def give(lab: Lab) -> dict[str, str]:
    """Each running host has an address, with the same last number as its other one, until it is switched off; gives them.

    Raises LabError where this machine or a host has no IPv6.
    """
    net = network(lab.subnet)
    _on_this_machine(lab, _beside(net, lab.gateway))
    found = {host.name: _beside(net, host.address) for host in lab.hosts.values()}
    for host in lab.hosts.values():
        answer = run_inside(host, Command.of("/bin/sh", "-ec", ADD.format(address=found[host.name])))
        if answer.code:
            raise LabError(f"{host.name} cannot have IPv6: {answer.stderr.decode(errors='replace').strip()}", host=host.name)
    return {name: str(address) for name, address in found.items()}


def _beside(net: IPv6Network, address: str) -> IPv6Address:
    return net[int(IPv4Address(address)) & 0xFF]


def _on_this_machine(lab: Lab, address: IPv6Address) -> None:
    """The address goes with the lab's bridge when the lab is taken down."""
    routes = subprocess.run(["ip", "-json", "route", "show", lab.subnet], capture_output=True, text=True, check=True).stdout
    (bridge,) = {route["dev"] for route in json.loads(routes)}
    command = ["ip", "-6", "address", "replace", f"{address}/64", "dev", bridge, "nodad"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"this machine cannot have IPv6: {done.stderr.strip()}")
