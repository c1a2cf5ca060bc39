"""Many cheap hosts: one lab host with further addresses, an sshd of its own on each."""

from __future__ import annotations

import dataclasses
import ipaddress

from windlass.errors import LabError
from windlass.lab.description import Lab, LabHost
from windlass.lab.keys import known_hosts_line
from windlass.lab.machine import run_inside
from windlass.values import Command

FIRST_FURTHER = 50  # of the subnet: below are the lab's own hosts
MOST_FURTHER = 200

# The usual sshd listens at every address, so it is told to keep to its own; the further ones read a configuration without that.
_SPREAD = """
mkdir -p /run/spread
{ cat /etc/ssh/sshd_config.d/50-lab.conf; grep -v ^Include /etc/ssh/sshd_config; } > /run/spread/sshd_config
echo "ListenAddress $OWN" > /etc/ssh/sshd_config.d/60-spread.conf
systemctl restart ssh
for address in $FURTHER; do
    ip address replace "$address/24" dev host0
    /usr/sbin/sshd -f /run/spread/sshd_config -o ListenAddress="$address" -o PidFile="/run/spread/$address.pid"
done
for address in $FURTHER; do
    while ! test -s "/run/spread/$address.pid"; do sleep 0.05; done
done
"""


def spread(lab: Lab, host: str, count: int) -> tuple[LabHost, ...]:
    """Start sshds at `count` further addresses of a host, and give them as hosts; they last until it reboots.
    `/run/spread/ADDRESS.pid` is the process of each.

    Their keys are written into the lab's known hosts. Only one host of a lab can be spread. Raises LabError.
    """
    if not 0 < count <= MOST_FURTHER:
        raise LabError(f"{count} further addresses: there can be 1 to {MOST_FURTHER}")
    base = lab.hosts[host]
    made = tuple(_further(lab, base, number) for number in range(count))
    _make_known(lab, base, made)
    listing = " ".join(each.address for each in made)
    answer = run_inside(base, Command.of("/bin/sh", "-ec", f'OWN={base.address} FURTHER="{listing}"\n{_SPREAD}'), limit=120)
    if answer.code:
        raise LabError(f"{host} cannot be spread", host=host, last_lines=answer.stderr.decode(errors="replace").splitlines()[-5:])
    return made


def _further(lab: Lab, base: LabHost, number: int) -> LabHost:
    address = ipaddress.ip_network(lab.subnet)[FIRST_FURTHER + number]
    return dataclasses.replace(base, name=f"{base.name}-{number + 1:03}", address=str(address))


def _make_known(lab: Lab, base: LabHost, made: tuple[LabHost, ...]) -> None:
    lines = lab.known_hosts.read_text().splitlines()
    key = (base.folder / "ssh_host_ed25519_key.pub").read_text()
    wanted = [known_hosts_line(each.address, each.port, key) for each in made]
    with lab.known_hosts.open("a") as file:
        file.writelines(f"{line}\n" for line in wanted if line not in lines)
