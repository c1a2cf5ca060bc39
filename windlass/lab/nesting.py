"""What a host is given that runs Docker: rights, and control groups that it may write."""

from __future__ import annotations

from pathlib import Path

OPTIONS = ("--capability=all", "--system-call-filter=add_key keyctl bpf")
# Of cgroup v1 nspawn shows a host all hierarchies, to be read only. In three of them it has a group of its own (groups.py), which
# it gets to write; the others are this machine's own, and are taken away, or what Docker makes in them would stay there.
UNIT = """\
[Unit]
Description=Control groups for Docker in a lab host
ConditionPathIsMountPoint=/sys/fs/cgroup/devices
Before=docker.service containerd.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -ec 'cd /sys/fs/cgroup; for name in *; do case $name in systemd|unified) continue ;; esac; \\
  mountpoint -q $name || continue; umount $name; \\
  case $name in devices|freezer|memory) mount -t cgroup -o $name cgroup $name ;; esac; done'

[Install]
WantedBy=multi-user.target
"""


def equip(tree: Path) -> None:
    """Write it into the host's file system, for its next boot."""
    units = tree / "etc/systemd/system"
    wanted = units / "multi-user.target.wants"
    wanted.mkdir(parents=True, exist_ok=True)
    (units / "lab-docker.service").write_text(UNIT)
    link = wanted / "lab-docker.service"
    link.unlink(missing_ok=True)
    link.symlink_to("../lab-docker.service")
