"""What a host gets written into its file system before each boot: its name, address, users, keys and surroundings."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from windlass.errors import LabError
from windlass.lab import nesting
from windlass.lab.description import HostSpec, LabHost

_KEY_COMMENT = "windlass-lab"
_BLOCK = re.compile(r"# lab: begin\n.*?# lab: end\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Dress:
    """What all hosts of a lab share: how they reach each other and the world, and whose key opens them."""

    gateway: str
    names: dict[str, str]
    resolvers: str
    environment: dict[str, str]
    public_key: str


def dress(tree: Path, host: LabHost, spec: HostSpec, shared: Dress) -> None:
    """Write it all. Running it again on a host that was up before leaves alone whatever the host made of itself."""
    _write(tree / "etc/hostname", f"{host.name}\n")
    introduce(tree, host, shared.names)
    _write(tree / "etc/resolv.conf", shared.resolvers)
    _write(tree / "etc/lab/network", f"ADDRESS={host.address}/24\nGATEWAY={shared.gateway}\n")
    lines = "".join(f'{key}="{value}"\n' for key, value in shared.environment.items())
    _write(tree / "etc/environment", lines)
    services = " ".join(f'"{key}={value}"' for key, value in shared.environment.items()).replace("%", "%%")
    _write(tree / "etc/systemd/system.conf.d/lab.conf", f"[Manager]\nDefaultEnvironment={services}\n")
    _write_sshd(tree, host)
    if host.docker:
        nesting.equip(tree)
    for user in (spec.user, *spec.extra_users):
        _admit(tree, user, shared.public_key)


def introduce(tree: Path, host: LabHost, addresses: dict[str, str]) -> None:
    """Have a host know all of its lab by name; one that runs learns it at once."""
    file = tree / "etc/hosts"
    if (text := _hosts_file(file, host, addresses)) != (file.read_text() if file.exists() else ""):
        _write(file, text)


def _hosts_file(path: Path, host: LabHost, names: dict[str, str]) -> str:
    before = _BLOCK.sub("", path.read_text()) if path.exists() else "127.0.0.1 localhost\n::1 localhost\n"
    lines = [f"{address} {_with_short(name)}\n" for name, address in names.items()]
    return f"{before}# lab: begin\n127.0.1.1 {_with_short(host.name)}\n{''.join(lines)}# lab: end\n"


def _with_short(name: str) -> str:
    short = name.split(".", maxsplit=1)[0]
    return name if short == name else f"{name} {short}"


def _write_sshd(tree: Path, host: LabHost) -> None:
    root = "prohibit-password" if host.user == "root" else "no"
    _write(
        tree / "etc/ssh/sshd_config.d/50-lab.conf",
        f"Port {host.port}\nPermitRootLogin {root}\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        "HostKey /etc/ssh/ssh_host_ed25519_key\n",
    )
    for name in ("ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"):
        shutil.copy(host.folder / name, tree / "etc/ssh" / name)


def _admit(tree: Path, user: str, public_key: str) -> None:
    """The user exists, may become root without a password, and the lab's key (only the present one) opens the account."""
    entry = _account(tree, user)
    if not entry:
        _chroot(tree, "useradd", "--create-home", "--user-group", "--shell", "/bin/bash", user)
        entry = _account(tree, user)
    if user != "root":
        sudoers = tree / f"etc/sudoers.d/lab-{user}"
        _write(sudoers, f"{user} ALL=(ALL:ALL) NOPASSWD: ALL\n")
        sudoers.chmod(0o440)
    folder, owner = tree / entry[5].lstrip("/") / ".ssh", (int(entry[2]), int(entry[3]))
    folder.mkdir(mode=0o700, exist_ok=True)
    keys = folder / "authorized_keys"
    before = keys.read_text().splitlines() if keys.exists() else []
    others = [line for line in before if not line.endswith(f" {_KEY_COMMENT}")]
    _write(keys, "".join(f"{line}\n" for line in [*others, f"{public_key} {_KEY_COMMENT}"]))
    keys.chmod(0o600)
    for path in (folder, keys):
        shutil.chown(path, *owner)


def _account(tree: Path, user: str) -> list[str]:
    lines = (tree / "etc/passwd").read_text().splitlines()
    return next((line.split(":") for line in lines if line.startswith(f"{user}:")), [])


def _chroot(tree: Path, *command: str) -> None:
    done = subprocess.run(["chroot", tree, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"`{' '.join(command)}` failed in {tree}", last_lines=done.stderr.splitlines()[-5:])


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
