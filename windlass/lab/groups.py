"""A control group per host: the sure way to find, freeze, weigh and end all of a host's processes.

Hosts that shared a group would meet in it: the systemd of each takes the group that it was born in for its own.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from windlass.errors import LabError

_NAMED = {"name=systemd": "systemd", "memory": "memory", "freezer": "freezer", "devices": "devices"}


def under_systemd() -> bool:
    """Whether this machine's own init is systemd, which then has to be asked for groups."""
    return Path("/run/systemd/system").is_dir()


def hierarchies() -> dict[str, Path]:
    """Where the hierarchies that matter are mounted, by `systemd`, `memory`, `freezer` and `unified`."""
    found = {}
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, point, kind, options, *_ = line.split()
        if kind == "cgroup2":
            found["unified"] = Path(point)
        elif kind == "cgroup":
            found |= {_NAMED[option]: Path(point) for option in options.split(",") if option in _NAMED}
    return found


def launcher(machine: str) -> list[str]:
    """The words before a command that start it in the machine's own group, in the background, in a session of its own."""
    detached = ["setsid", "--fork"]
    if under_systemd():
        scope = ["--scope", "--quiet", "--collect", "--slice=windlass.slice", f"--unit=windlass-{machine}"]
        return ["systemd-run", *scope, "--property=Delegate=yes", *detached]
    for folder in folders(machine, created=True):
        folder.mkdir(parents=True, exist_ok=True)
    script = 'until [ "$1" = -- ]; do echo $$ >"$1/cgroup.procs" || exit 1; shift; done; shift; exec "$@"'
    return ["sh", "-c", script, "sh", *map(str, folders(machine, created=True)), "--", *detached]


def folders(machine: str, *, created: bool = False) -> list[Path]:
    """The machine's folder in each hierarchy where it is (or, for `created`, would be)."""
    path = f"windlass.slice/windlass-{machine}.scope" if under_systemd() else f"windlass/{machine}"
    places = [root / path for root in hierarchies().values()]
    return places if created else [place for place in places if place.is_dir()]


def processes(machine: str) -> list[int]:
    """All living processes of a machine, its supervisor among them."""
    found: set[int] = set()
    for folder in folders(machine):
        for group, _, _ in os.walk(folder):  # walks on when a group goes away meanwhile
            found |= _members(Path(group))
    return sorted(found)


def supervisor(machine: str) -> int:
    """The nspawn process, or 0."""
    return next((pid for pid in processes(machine) if _words(pid)[:1] == ["systemd-nspawn"]), 0)


def init(machine: str) -> int:
    """The process which is PID 1 inside, seen from outside; 0 when there is none."""
    return next(filter(_is_first, _early_ones_first(machine)), 0)


def _early_ones_first(machine: str) -> Iterator[int]:
    """Its processes: first those of groups that the host has not divided, where its init stands early, for all others take long."""
    for folder in folders(machine):
        yield from sorted(_members(folder))
    yield from processes(machine)


def _is_first(pid: int) -> bool:
    """Whether a process lives and is PID 1 of a machine."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    inside = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
    return len(inside) == 2 and inside[1] == "1" and "\nState:\tZ" not in status


def _members(group: Path) -> set[int]:
    """The processes that are in one group itself."""
    try:
        return {int(word) for word in (group / "cgroup.procs").read_text().split()} - {0}
    except OSError:
        return set()


def end(machine: str, limit: float = 300.0) -> None:
    """Kill whatever is left of a machine and remove its groups. Raises LabError when something cannot be killed."""
    freeze(machine, frozen=False)
    deadline = time.monotonic() + limit
    while left := processes(machine):
        for pid in left:
            _kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise LabError(f"processes of {machine} do not die: {left}", hint="they wait for the disk; look with ps")
        time.sleep(0.02)
    for folder in folders(machine):
        _remove(folder, deadline)


def freeze(machine: str, *, frozen: bool) -> None:
    """Stop all of a machine's processes where they are, or let them go on. Its links and sockets stay open meanwhile."""
    for folder in folders(machine):
        if (folder / "freezer.state").exists():
            (folder / "freezer.state").write_text("FROZEN" if frozen else "THAWED")
            return
    for folder in folders(machine):
        if (folder / "cgroup.freeze").exists():
            (folder / "cgroup.freeze").write_text("1" if frozen else "0")


def memory_bytes(machine: str) -> int:
    """Memory in use, page cache included; 0 where the kernel does not count it."""
    for folder in folders(machine):
        for name in ("memory.usage_in_bytes", "memory.current"):
            if (folder / name).exists():
                return int((folder / name).read_text())
    return 0


def uptime_seconds(pid: int) -> float:
    """Since when a process runs; 0 for none."""
    try:
        started = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")


def _remove(folder: Path, deadline: float) -> None:
    """A group can be busy for a moment after its last process died; systemd, where it rules, may be quicker than we."""
    for group, _, _ in os.walk(folder, topdown=False):
        _remove_one(Path(group), deadline)


def _remove_one(folder: Path, deadline: float) -> None:
    while folder.is_dir():
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise LabError(f"the control group {folder} cannot be removed: {error.strerror}") from error
            time.sleep(0.02)


def _words(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def _kill(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
