"""What the agent tells of its host in the first frame, so that asking for it costs nothing."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Dict


def facts() -> Dict[str, Any]:
    """Operating system, sizes, clock and rights of this host."""
    release = _os_release()
    system = os.uname()
    return {
        "hostname": system.nodename,
        "os": release.get("ID", ""),
        "os_version": release.get("VERSION_ID", ""),
        "codename": release.get("VERSION_CODENAME", ""),
        "machine": system.machine,
        "python": "%d.%d.%d" % sys.version_info[:3],
        "interpreter": sys.executable,
        "cpus": os.cpu_count() or 1,
        "memory": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "user_id": os.geteuid(),
        "systemd": os.path.isdir("/run/systemd/system"),
        "clock": time.time(),
        "boot_id": _boot_id(),
    }


def _boot_id() -> str:
    """Another one after each boot."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as handle:
            return handle.read().strip()
    except OSError:
        return ""


def _os_release() -> Dict[str, str]:
    values = {}
    try:
        with open("/etc/os-release", encoding="utf-8") as handle:
            for line in handle:
                name, _, value = line.strip().partition("=")
                values[name] = value.strip("\"'")
    except OSError:
        pass
    return values
