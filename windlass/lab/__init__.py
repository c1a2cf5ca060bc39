"""Real Debian hosts on this machine, for tests, for the demo and for rehearsing a change. See docs/lab.md."""

from windlass.lab.addresses import spread
from windlass.lab.description import HostSpec, HostStatus, Lab, LabHost, LabSpec
from windlass.lab.laboratory import boot, down, list_labs, load, reboot, save, saved_as, snapshots, status, up
from windlass.lab.machine import Answer, cut_link, cut_power, freeze, mend_link, power_off, run_inside, thaw
from windlass.lab.snapshot import Snapshot

__all__ = [
    "Answer",
    "HostSpec",
    "HostStatus",
    "Lab",
    "LabHost",
    "LabSpec",
    "Snapshot",
    "boot",
    "cut_link",
    "cut_power",
    "down",
    "freeze",
    "list_labs",
    "load",
    "mend_link",
    "power_off",
    "reboot",
    "run_inside",
    "save",
    "saved_as",
    "snapshots",
    "spread",
    "status",
    "thaw",
    "up",
]
