"""Whether this machine can run a lab. All that is missing is named at once, with the command that fixes it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from windlass.errors import LabError
from windlass.lab.folders import cache

PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "nft": "nftables",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "setsid": "util-linux",
    "unshare": "util-linux",
    "mount": "mount",
    "chroot": "coreutils",
}
ADMINISTRATORS = "/usr/sbin:/sbin"  # not on the PATH of everybody who became root
_SPACES = ("--mount", "--pid", "--net", "--uts", "--ipc", "--fork")
_RULES = "table ip t { chain c { type nat hook postrouting priority srcnat; ip saddr 192.0.2.0/24 masquerade; }; }"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is missing and what helps against it."""

    missing: str
    remedy: str


def refuse_other_than_root() -> None:
    """Raises LabError for anybody but root: mounts, bridges and containers need it."""
    if os.geteuid() != 0:
        raise LabError(report([Fault("the rights of root", "run the command with sudo")]), hint="run it with sudo")


def refuse_unfit_machine() -> None:
    """Raises LabError that names everything this machine lacks; what can be tried out is tried out."""
    faults = missing_programs()
    if not faults:
        faults = kernel_faults(cache())
    if faults:
        raise LabError(report(faults), hint="; ".join(dict.fromkeys(fault.remedy for fault in faults)))


def report(faults: list[Fault]) -> str:
    """All that is missing, in a sentence."""
    return "this machine cannot run the lab; it lacks " + ", ".join(fault.missing for fault in faults)


def missing_programs() -> list[Fault]:
    """A fault per program that is not there, all with the one command that installs every package of them."""
    unfound = [name for name in PROGRAMS if not shutil.which(name)]
    hidden = [name for name in unfound if shutil.which(name, path=ADMINISTRATORS)]
    packages = sorted({PROGRAMS[name] for name in unfound if name not in hidden})
    remedy = f"apt-get install -y {' '.join(packages)}"
    faults = [Fault(f"the program {name}", remedy) for name in unfound if name not in hidden]
    return faults + [Fault(f"{name} on the PATH", f"export PATH=$PATH:{ADMINISTRATORS}") for name in hidden]


def kernel_faults(folder: Path) -> list[Fault]:
    """Tries namespaces, a bridge, a veth pair, address translation and an overlay in a namespace that vanishes after."""
    if not _works(["unshare", *_SPACES, "true"]):
        return [Fault("namespaces", "run it on a machine or virtual machine of its own, not inside an unprivileged container")]
    apart = ["unshare", "--net", "--"]
    faults = []
    if not _works([*apart, "sh", "-c", "ip link add name probe0 type bridge && ip link add name probe1 type veth"]):
        faults.append(Fault("bridges and veth pairs in the kernel", "modprobe -a bridge veth"))
    if not _works([*apart, "nft", _RULES]):
        faults.append(Fault("nftables with masquerade in the kernel", "modprobe -a nf_tables nft_masq nft_chain_nat"))
    return faults + _overlay_faults(folder)


def _overlay_faults(folder: Path) -> list[Fault]:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="probe-") as name:
        script = 'cd "$1" && mkdir l u w m && mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w m'
        if _works(["unshare", "--mount", "--", "sh", "-c", script, "sh", name]):
            return []
    remedy = "modprobe overlay, or point WINDLASS_LAB_CACHE to a folder on ext4, xfs or btrfs"
    return [Fault(f"overlay mounts in {folder}", remedy)]


def _works(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False, cwd="/").returncode == 0
