"""Whether something can be mounted, and who keeps it from being unmounted. For a check."""

from __future__ import annotations

import os
from typing import Any, Dict, Iterable, Iterator, List

from windlass.agent.core import mounted, process, temporary

FEW = 5  # that are named
FROM_NOTHING = ("tmpfs", "ramfs")
EXT = ("ext2", "ext3", "ext4")  # each may pass for another one
ON_DISKS = (*EXT, "xfs", "btrfs", "f2fs", "vfat", "squashfs", "iso9660", "auto")
NOTHING_FOUND = 2  # says blkid
# Which mount itself understands, or the kernel for each file system; others are a file system's own.
PLAIN = (
    "defaults", "ro", "rw", "exec", "noexec", "suid", "nosuid", "dev", "nodev", "atime", "noatime", "diratime", "nodiratime",
    "relatime", "norelatime", "strictatime", "lazytime", "sync", "async", "dirsync", "auto", "noauto", "nofail", "_netdev",
    "user", "nouser", "users", "owner", "group", "loop",
)  # fmt: skip


def is_uncertain(arguments: Dict[str, Any]) -> bool:
    """Whether only the run can tell if it can be mounted: nothing here asks a server, nor tries an option that only this file
    system knows, for that would write to the disk."""
    if _is_tried(arguments):
        return False
    own = [each for each in arguments["options"] if each not in PLAIN and not each.lower().startswith("x-")]
    return bool(own) or arguments["filesystem"] not in ON_DISKS


def _is_tried(arguments: Dict[str, Any]) -> bool:
    return arguments["filesystem"] in FROM_NOTHING or bool({"bind", "rbind"}.intersection(arguments["options"]))


def obstacles(arguments: Dict[str, Any]) -> List[str]:
    """Why it surely cannot be mounted. What touches no disk and no network is tried out where nobody else sees it."""
    source, options = arguments["source"], arguments["options"]
    if _is_tried(arguments):
        with temporary.folder("mount") as place:
            command = ["mount", "-t", arguments["filesystem"], "-o", ",".join(options), "--", source, place]
            if os.path.isfile(source):
                return []  # which wants a file to be mounted on
            tried = process.run(["unshare", "--mount", "--", *command], limit=60)
        return tried.last_lines(6) if tried.status != 0 and b"unshare" not in tried.errors else []
    return _of_disk(source, arguments["filesystem"]) if arguments["filesystem"] in ON_DISKS else []


def _of_disk(source: str, wanted: str) -> List[str]:
    """What is on a disk is read, as mount does that has to find it."""
    device = source if source.startswith("/") else _found(source)
    if not os.path.exists(device) or os.path.isdir(device):
        return ["%s is %s" % (source, "a folder" if os.path.isdir(device) else "not there")]
    looked = process.run(["blkid", "--probe", "--output", "value", "--match-tag", "TYPE", device], limit=60)
    has = looked.text.strip()
    if looked.status == NOTHING_FOUND:
        return ["there is no file system on %s" % source]
    same = not has or wanted in (has, "auto") or {has, wanted} <= set(EXT)
    return [] if same else ["%s has %s, not %s" % (source, has, wanted)]


def _found(source: str) -> str:
    """The device that `UUID=…` and the like mean, without the notes that blkid else takes; empty if there is none."""
    command = ["blkid", "--cache-file", "/dev/null", "--list-one", "--output", "device", "--match-token", source]
    return process.run(command, limit=60).text.strip()


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
