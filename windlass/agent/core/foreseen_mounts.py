"""Whether something can be mounted, and who keeps it from being unmounted. For a check."""

from __future__ import annotations

import os
from typing import Any, Dict, Iterable, Iterator, List

from windlass.agent.core import mounted, process, temporary

FEW = 5  # that are named
FROM_NOTHING = ("tmpfs", "ramfs")
ON_DISKS = ("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "vfat", "squashfs", "iso9660")


def obstacles(arguments: Dict[str, Any]) -> List[str]:
    """Why it surely cannot be mounted. What touches no disk and no network is tried out where nobody else sees it."""
    source, options = arguments["source"], arguments["options"]
    if arguments["filesystem"] in FROM_NOTHING or {"bind", "rbind"}.intersection(options):
        with temporary.folder("mount") as place:
            command = ["mount", "-t", arguments["filesystem"], "-o", ",".join(options), "--", source, place]
            if os.path.isfile(source):
                return []  # which wants a file to be mounted on
            tried = process.run(["unshare", "--mount", "--", *command], limit=60)
        return tried.last_lines(6) if tried.status != 0 and b"unshare" not in tried.errors else []
    if arguments["filesystem"] in ON_DISKS and source.startswith("/") and (os.path.isdir(source) or not os.path.exists(source)):
        return ["%s is %s" % (source, "a folder" if os.path.isdir(source) else "not there")]
    return []


def holders(path: str) -> List[str]:
    """In words: what is mounted below it, swap and disks that are files of it, and processes that have anything of it open."""
    below = os.path.realpath(path) + "/"
    found = ["%s is mounted below it" % place for place in mounted.places() if place.startswith(below)]
    found += ["%s is in use as a disk or as swap" % file for file in _disks() if file.startswith(below)]
    processes = ["%s (process %s)" % (_name(process), process) for process in _processes() if _holds(process, below)]
    more = ["and %d processes more" % (len(processes) - FEW)] if len(processes) > FEW else []
    return found + processes[:FEW] + more


def _processes() -> Iterator[str]:
    """Those that see the same mounts as we do: others have copies of their own, which hold nothing up."""
    ours = _target("/proc/self/ns/mnt")
    return (name for name in os.listdir("/proc") if name.isdigit() and _target("/proc/%s/ns/mnt" % name) == ours)


def _holds(process: str, below: str) -> bool:
    folder = "/proc/%s/" % process
    try:
        opened = ["fd/" + each for each in os.listdir(folder + "fd")]
        with open(folder + "maps", encoding="utf-8", errors="surrogateescape", newline="\n") as handle:
            mapped = any(" " + below in line for line in handle)
    except OSError:  # it has ended meanwhile
        return False
    return mapped or any((_target(folder + each) + "/").startswith(below) for each in ["cwd", "root", "exe", *opened])


def _disks() -> Iterable[str]:
    """Files that serve as a disk or as swap."""
    disks = "/sys/block"
    for name in os.listdir(disks) if os.path.isdir(disks) else []:
        yield _first_line("%s/%s/loop/backing_file" % (disks, name))
    try:
        with open("/proc/swaps", encoding="utf-8", errors="surrogateescape") as handle:
            yield from (line.split(" ")[0] for line in list(handle)[1:])
    except OSError:
        return


def _name(process: str) -> str:
    return _first_line("/proc/%s/comm" % process) or "a program"


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.readline().rstrip("\n")
    except OSError:
        return ""


def _target(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
