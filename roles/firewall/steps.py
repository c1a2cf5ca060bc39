"""What the role firewall wants of a host."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from windlass.operations.command import Run
from windlass.operations.directory import Directory
from windlass.operations.operation import Operation
from windlass.operations.package import Package
from windlass.operations.service import Service
from windlass.operations.template import Template
from windlass.plans.firewall import ANYWHERE, Opening, family, openings, private_addresses
from windlass.plans.topology import HostView
from windlass.values import Command

from .settings import Settings

FOLDER = "/etc/windlass"
RULES = f"{FOLDER}/firewall.nft"
UNIT = "windlass-firewall"
# Whoever loads rules that shut sshd's own port out is locked out at the next connection: so ask sshd, not the inventory.
ASK_SSHD = """
for port in $(sshd -T 2>/dev/null | sed -n 's/^port //p'); do
    case " {ports} " in *" $port "*) continue ;; esac
    echo "sshd listens on port $port, which is neither its port in the inventory nor among firewall.ssh_ports" >&2
    exit 1
done
"""


def steps(host: HostView, settings: Settings) -> list[Operation]:
    """The rules are tested before they replace the old ones, in the file and in the kernel."""
    here = host.environment.host(host.name)
    ssh, *others = openings(host.environment, here)
    doors = [*_ssh(ssh, _ssh_sources(host, settings), settings), *others, *_more(settings)]
    ports = " ".join(str(port) for port in (ssh.port, *settings.ssh_ports))
    rules = Template(
        path=RULES,
        source=host.template("firewall/rules.nft.j2"),
        name="firewall/rules.nft.j2",
        values={"rules": [rule for door in doors for rule in _rules(door)]},
        mode="0600",
        validate=Command.of("nft", "-c", "-f", "%s"),
    )
    unit = Template(
        path=f"/etc/systemd/system/{UNIT}.service",
        source=host.template("firewall/unit.service.j2"),
        name="firewall/unit.service.j2",
        values={"rules": RULES},
    )
    return [
        Package(names=("nftables",)),
        Directory(path=FOLDER),
        Run(command=ASK_SSHD.format(ports=ports), name="the SSH server's port stays open", changed=False),
        rules,
        unit,
        Run(
            command=Command.of("systemctl", "reload", UNIT),
            name="firewall rules that somebody removed",
            only_if=f"systemctl is-active --quiet {UNIT} && ! nft list table inet windlass >/dev/null 2>&1",
        ),
        Service(name=UNIT, reload_on=(rules,)),
    ]


def _ssh_sources(host: HostView, settings: Settings) -> tuple[str, ...]:
    """The networks that are wanted, and in any case the jump host through which we come; a twin has a network of its own."""
    if not settings.ssh_sources:
        return ANYWHERE
    if host.surroundings.ssh_network:
        return (host.surroundings.ssh_network,)
    jump = host.environment.host(host.name).jump
    return (*settings.ssh_sources, *private_addresses([host.environment.host(jump)] if jump else []))


def _ssh(ssh: Opening, sources: tuple[str, ...], settings: Settings) -> Iterator[Opening]:
    for port in dict.fromkeys((ssh.port, *settings.ssh_ports)):
        yield Opening(port, "tcp", sources, ssh.reason)


def _more(settings: Settings) -> Iterator[Opening]:
    for each in settings.openings:
        yield Opening(each.port, each.protocol, each.sources or ANYWHERE, each.reason)


def _rules(door: Opening) -> Iterator[dict[str, str]]:
    """One rule for anywhere; otherwise one for each family of addresses, because nftables keeps them apart."""
    match = f"{door.protocol} dport {door.port}"
    if door.sources == ANYWHERE:
        yield {"match": match, "comment": door.reason}
        return
    for kind in ("ip", "ip6"):
        same = [source for source in door.sources if family(source) == kind]
        if same:
            yield {"match": f"{kind} saddr {{ {', '.join(_disjoint(same))} }} {match}", "comment": door.reason}


def _disjoint(sources: list[str]) -> Iterator[str]:
    """The same addresses without any twice: nftables refuses a set in which one network holds another."""
    networks: list[Any] = [ipaddress.ip_network(source) for source in sources]
    for network in ipaddress.collapse_addresses(networks):
        yield str(network.network_address if network.num_addresses == 1 else network)
