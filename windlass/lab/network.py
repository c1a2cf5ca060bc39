"""The lab's own bridge, subnet and address translation, all derived from the lab so that labs do not meet."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import subprocess
from collections.abc import Iterable
from ipaddress import IPv4Network
from pathlib import Path

from windlass.errors import LabError
from windlass.lab.folders import Say

FIRST = int(ipaddress.ip_address("10.64.0.0"))
COUNT = 64 * 256
SETTINGS = {
    "net/ipv4/ip_forward": 1,
    "fs/inotify/max_user_instances": 8192,
    "fs/inotify/max_user_watches": 524288,
    "net/ipv4/neigh/default/gc_thresh2": 4096,
    "net/ipv4/neigh/default/gc_thresh3": 8192,
    "kernel/pid_max": 262144,
}


def choose_subnet(name: str, taken: Iterable[IPv4Network]) -> IPv4Network:
    """The /24 that belongs to a lab's name, or the next one that collides with nothing. Raises LabError if all do."""
    occupied = list(taken)
    start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    for step in range(COUNT):
        subnet = IPv4Network((FIRST + (start + step) % COUNT * 256, 24))
        if not any(subnet.overlaps(other) for other in occupied):
            return subnet
    raise LabError("every /24 between 10.64.0.0 and 10.127.255.0 is in use on this machine", hint="take a lab down")


def routed(bridge: str = "") -> list[IPv4Network]:
    """All that this machine has a route to, the default route and those of one bridge left out."""
    text = subprocess.run(["ip", "-json", "route", "show", "table", "all"], capture_output=True, text=True, check=True).stdout
    routes = json.loads(text or "[]")
    found = [route["dst"] for route in routes if route["dst"] != "default" and route.get("dev") != bridge]
    return [IPv4Network(destination) for destination in found if ":" not in destination]


def ensure_bridge(bridge: str, gateway: str) -> None:
    """The bridge exists, is up and has the gateway's address."""
    if not Path(f"/sys/class/net/{bridge}").exists():
        _run("ip", "link", "add", bridge, "type", "bridge")
    _run("ip", "address", "replace", f"{gateway}/24", "dev", bridge)
    _run("ip", "link", "set", bridge, "up")


def rules(table: str, bridge: str, subnet: str) -> str:
    """The lab's table as one transaction: out with translation, nothing in from outside or from another lab."""
    return f"""\
table ip {table}
delete table ip {table}
table ip {table} {{
    chain outside {{
        type nat hook postrouting priority srcnat;
        ip saddr {subnet} oifname != "{bridge}" masquerade
    }}
    chain between {{
        type filter hook forward priority filter;
        oifname "{bridge}" iifname != "{bridge}" ct state new drop
    }}
}}
"""


def ensure_rules(table: str, bridge: str, subnet: str) -> None:
    """Have the lab's table of nftables as it should be, in one transaction. Raises LabError."""
    _run("nft", "-f", "-", text=rules(table, bridge, subnet))


def remove_links(links: Iterable[str]) -> None:
    """These interfaces are gone; what was not there is no fault."""
    for link in links:
        if Path(f"/sys/class/net/{link}").exists():
            subprocess.run(["ip", "link", "delete", link], capture_output=True, check=False)


def remove_rules(table: str) -> None:
    """The lab's table is gone; if it was not there, that is no fault."""
    if subprocess.run(["nft", "list", "table", "ip", table], capture_output=True, check=False).returncode == 0:
        _run("nft", "delete", "table", "ip", table)


def raise_limits(say: Say) -> None:
    """Kernel settings that many hosts need. They are only ever raised, and said."""
    for name, wanted in SETTINGS.items():
        path = Path("/proc/sys") / name
        if path.exists() and int(path.read_text()) < wanted:
            path.write_text(str(wanted))
            say(f"raised {name.replace('/', '.')} to {wanted} on this machine")


def forwarding_blocker() -> str:
    """The chain of somebody else that drops forwarded packets by policy (Docker and ufw set one), or nothing."""
    text = subprocess.run(["nft", "-j", "list", "chains"], capture_output=True, text=True, check=False).stdout
    return dropping_chain(text)


def dropping_chain(listing: str) -> str:
    """The first chain with such a policy in what `nft -j list chains` says, as nft wants it named."""
    for entry in json.loads(listing or "{}").get("nftables", []):
        chain = entry.get("chain", {})
        if chain.get("hook") == "forward" and chain.get("policy") == "drop" and chain["family"] in {"ip", "inet"}:
            return f"{chain['family']} {chain['table']} {chain['name']}"
    return ""


def set_link(link: str, state: str) -> None:
    """Set an interface `up` or `down`. Raises LabError when there is none."""
    _run("ip", "link", "set", link, state)


def _run(*command: str, text: str = "") -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"`{' '.join(command)}` failed on this machine", last_lines=done.stderr.splitlines()[-5:], tried=text)
