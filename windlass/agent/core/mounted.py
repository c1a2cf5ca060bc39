"""What is mounted on a path, and whether that is what is wanted there."""

from __future__ import annotations

import os
import re
import stat
from typing import List, NamedTuple, Optional

# Only these are compared: what others are called when they are mounted is their helper's choice (sshfs, efs, ntfs-3g, …).
KINDS = ("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "vfat", "squashfs", "iso9660", "overlay", "tmpfs", "ramfs", "nfs", "cifs")
SAME = {"nfs4": "nfs", "smb3": "cifs", "smbfs": "cifs"}
WITHOUT_SOURCE = ("tmpfs", "ramfs", "overlay")  # the name in front means nothing
ON_MANY_DEVICES = ("btrfs",)  # one of which is shown
BY = {"UUID": "by-uuid", "LABEL": "by-label", "PARTUUID": "by-partuuid", "PARTLABEL": "by-partlabel", "ID": "by-id"}


class Mounted(NamedTuple):
    """As the kernel shows it."""

    source: str
    kind: str
    options: List[str]


def on(path: str) -> Optional[Mounted]:
    """What is mounted on this path, the last one on top; None where nothing is."""
    found = None
    folder, name = os.path.split(path)
    real = os.path.join(
        os.path.realpath(folder), name
    )  # without a look at the path itself: a dead network file system never answers
    for source, place, kind, options in _all():
        if place == real:
            found = Mounted(source, SAME.get(kind, kind), options.split(","))
    return found


def places() -> List[str]:
    """Where anything is mounted."""
    return [place for _source, place, _kind, _options in _all()]


def _all() -> List[List[str]]:
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape", newline="\n") as handle:
        return [[_plain(field) for field in line.split(" ")[:4]] for line in handle]


def _plain(field: str) -> str:
    return re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), field)


def is_another(found: Mounted, path: str, wanted: Mounted) -> bool:
    """Whether it is certainly something else; where nobody can tell it is not."""
    if {"bind", "rbind"} & set(wanted.options):
        return _is_another_place(wanted.source, path)
    kinds = {SAME.get(kind, kind) for kind in wanted.kind.split(",")}
    if found.kind in KINDS and kinds <= set(KINDS) and found.kind not in kinds:
        return True
    if found.kind in WITHOUT_SOURCE:
        return False
    if found.kind in ("nfs", "cifs"):
        return kinds <= {"nfs", "cifs"} and _network(found.source) != _network(wanted.source)
    return found.kind not in ON_MANY_DEVICES and _is_another_device(found.source, _device(wanted.source))


def _is_another_place(source: str, path: str) -> bool:
    try:
        return not os.path.samefile(source, path)
    except OSError:
        return not os.path.exists(source)


def _network(source: str) -> str:
    return source.replace("\\", "/").rstrip("/")


def _device(source: str) -> str:
    """Where udev says that a device is which is named by what is on it."""
    word, equals, name = source.partition("=")
    return os.path.join("/dev/disk", BY[word], name.strip('"')) if equals and word in BY else source


def _is_another_device(found: str, wanted: str) -> bool:
    try:
        has, wants = os.stat(found), os.stat(wanted)
    except OSError:
        return False
    if not stat.S_ISBLK(has.st_mode):
        return False
    if stat.S_ISREG(wants.st_mode):  # a file in place of a disk
        return _behind(has.st_rdev) != os.path.realpath(wanted)
    return stat.S_ISBLK(wants.st_mode) and has.st_rdev != wants.st_rdev


def _behind(device: int) -> str:
    """The file that a loop device shows; empty for another device."""
    try:
        with open("/sys/dev/block/%d:%d/loop/backing_file" % (os.major(device), os.minor(device)), encoding="utf-8") as handle:
            return handle.read().rstrip("\n")
    except OSError:
        return ""
