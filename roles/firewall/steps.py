"""What the role firewall wants of a host."""

from __future__ import annotations

from windlass.operations.command import Run
from windlass.operations.commit import Guarded
from windlass.operations.directory import Directory
from windlass.operations.operation import Operation
from windlass.operations.package import Package
from windlass.operations.service import Service
from windlass.operations.template import Template
from windlass.plans.firewall import compiled, rules, ssh_ports
from windlass.plans.topology import HostView
from windlass.values import Command

from .settings import Settings

FOLDER = "/etc/windlass"
RULES = f"{FOLDER}/firewall.nft"
UNIT = "windlass-firewall"
TABLE = "inet windlass"
LIVE = f"nft --stateless --terse list table {TABLE} 2>/dev/null || true"
UNDO = f"{{ printf 'table {TABLE}\\ndelete table {TABLE}\\n'; cat live; }} | nft -f -"
# Whoever loads rules that shut sshd's own port out is locked out at the next connection: so ask sshd, not the inventory.
ASK_SSHD = """
for port in $(sshd -T 2>/dev/null | sed -n 's/^port //p'); do
    case " {ports} " in *" $port "*) continue ;; esac
    echo "sshd listens on port $port, which is neither its port in the inventory nor among firewall.ssh_ports" >&2
    exit 1
done
"""


def steps(host: HostView, settings: Settings) -> list[Operation]:
    """The rules are tested before they count, and count for good only when somebody could come in with them."""
    ports = " ".join(str(port) for port in ssh_ports(host, settings))
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
        unit,
        _on_trial(str(_rules(host, settings, ports).content()), settings),
        Run(
            command=Command.of("systemctl", "reload", UNIT),
            name="firewall rules that somebody removed",
            only_if=f"systemctl is-active --quiet {UNIT} && ! nft list table {TABLE} >/dev/null 2>&1",
        ),
        Service(name=UNIT),
    ]


def _rules(host: HostView, settings: Settings, ports: str) -> Template:
    doors = compiled(host, settings)
    return Template(
        path=RULES,
        source=host.template("firewall/rules.nft.j2"),
        name="firewall/rules.nft.j2",
        values={
            "rules": rules(doors),
            "published": rules(doors, published=True),
            "ssh": ports.split(),
            "rate": settings.ssh_per_minute,
        },
    )


def _on_trial(text: str, settings: Settings) -> Guarded:
    return Guarded(
        guard="firewall",
        path=RULES,
        content=text,
        mode="0600",
        validate=Command.of("nft", "-c", "-f", "%s"),
        snapshot=LIVE,
        activate=f"nft -f {RULES}",
        undo=UNDO,
        seconds=settings.confirm_seconds,
    )
