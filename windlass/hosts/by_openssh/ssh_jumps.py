"""Which hosts the system's `ssh` jumps over on its way, by the inventory or the user's ssh_config: logins there are paced."""

from __future__ import annotations

import os
import subprocess
from functools import lru_cache
from pathlib import Path

from windlass.hosts.common import ssh_files
from windlass.hosts.common.retrying import NO_PORT
from windlass.hosts.common.target import Target

PATIENCE = 10.0  # seconds for ssh to read its files
MOST_HOPS = 8  # a hop that is reached by itself would otherwise have no end
WAYS = ("proxy",)  # to look for it in the files is quicker than to ask ssh, and most people's say nothing of the kind
Place = tuple[str, int]


def jumps(target: Target) -> tuple[Place, ...]:
    """Address and port of each of them. Where a `ProxyCommand` leads nobody knows; who has the same is taken to go the same way."""
    if target.jump:
        return (*jumps(target.jump), (target.jump.address, target.jump.port))
    return _configured(target.address, target.user, target.port)


@lru_cache(maxsize=4096)
def _configured(address: str, user: str, port: int, left: int = MOST_HOPS) -> tuple[Place, ...]:
    found: list[Place] = []
    ours = _settings(address, user, port)
    hops = ours.get("proxyjump", "none")
    for hop in hops.split(",") if hops != "none" and left else ():
        their_user, their_address, their_port = _parts(hop)
        settings = _settings(their_address, their_user, their_port)
        found += () if found else _configured(their_address, their_user, their_port, left - 1)
        found.append((settings.get("hostname", their_address), int(settings.get("port", their_port))))
    command = ours.get("proxycommand", "none")
    return tuple(found) if found or command == "none" else ((command, NO_PORT),)


@lru_cache(maxsize=4096)
def _settings(address: str, user: str, port: int) -> dict[str, str]:
    """What ssh itself makes of its files for a host; nothing where it does not say, or where its files cannot matter."""
    if _is_the_system_s(tuple(os.get_exec_path())) and not ssh_files.mention(WAYS, ssh_files.files()):
        return {}
    words = ["ssh", "-G", *(["-p", str(port)] if port != 22 else []), *(["-l", user] if user else []), "--", address]
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    pairs = (line.partition(" ") for line in done.stdout.splitlines())
    return {name: value for name, _space, value in pairs}


def _parts(hop: str) -> tuple[str, str, int]:
    """User, address and port of `[user@]host[:port]`, with an IPv6 address in brackets, or as `ssh://…`."""
    user, _at, place = hop.removeprefix("ssh://").rstrip("/").rpartition("@")
    address, colon, port = place.rpartition(":")
    if not colon or not port.isdigit() or (":" in address and not address.startswith("[")):
        address, port = place, "22"
    return user, address.strip("[]"), int(port)


@lru_cache(maxsize=16)
def _is_the_system_s(folders: tuple[str, ...]) -> bool:
    """Whether it is the system's ssh that is found first: another may have files of its own."""
    first = next((folder for folder in folders if os.access(Path(folder, "ssh"), os.X_OK)), "")
    return first in ("/usr/bin", "/bin")
