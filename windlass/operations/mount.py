"""File systems that are mounted, and memory on disk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount(Operation):
    """A line of /etc/fstab, and the file system mounted as it says. Other lines stay as they are.

    path         where; made if it is not there
    source       what: a device, "UUID=…", "host:/export", "tmpfs"; where another one is mounted it is unmounted, when the
                 wanted one has proved that it can be mounted
    filesystem   "ext4", "xfs", "nfs4", "tmpfs", "none" for a bind mount
    options      as in fstab; changed ones are remounted
    dump         fstab's fifth field
    check_order  fstab's sixth field, for fsck
    mounted      now; False: it is in fstab only; None leaves it as it is
    absent       unmounted, and no line in fstab; the folder stays
    """

    family: ClassVar[str] = "mount"

    path: str
    source: str = ""
    filesystem: str = ""
    options: tuple[str, ...] = ("defaults",)
    dump: int = 0
    check_order: int = 0
    mounted: bool | None = True
    absent: bool = False

    def __post_init__(self) -> None:
        if not self.path.startswith("/") or self.path == "/" or self.path != "/" + self.path.strip("/"):
            raise InventoryError(f"{self.path!r} cannot be mounted on", hint='a whole path without a / at its end, and not "/"')
        if not self.absent and (not self.source or not self.filesystem or not self.options):
            raise InventoryError(f"mount {self.path}: source, filesystem and options are needed")

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}mount {self.path}"

    def arguments(self) -> Mapping[str, object]:
        fields = [self.source, self.path, self.filesystem, ",".join(self.options)]
        line = "\t".join([*map(_escaped, fields), str(self.dump), str(self.check_order)])
        values = {"path": self.path, "line": "" if self.absent else line, "mounted": self.mounted, "absent": self.absent}
        return values | {"source": self.source, "filesystem": self.filesystem, "options": list(self.options)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapFile(Operation):
    """A file that memory is written to when it is short, now and after each boot.

    A container shares the memory of its machine and cannot have one: that is said, and `active=None` only prepares it.

    path    of the file; it cannot be on btrfs or tmpfs
    size    such as "512MB" or "2GB"; another size makes it anew
    active  in use now; None leaves it as it is
    absent  not in use, not in fstab, and no file
    """

    family: ClassVar[str] = "mount"

    path: str = "/swapfile"
    size: str = ""
    active: bool | None = True
    absent: bool = False

    def __post_init__(self) -> None:
        if not self.absent and not re.fullmatch(r"[1-9]\d*(MB|GB)", self.size):
            raise InventoryError(f"{self.size!r} cannot be the size of swap file {self.path}", hint="for example 512MB or 2GB")

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}swap file {self.path}"

    def arguments(self) -> Mapping[str, object]:
        count = 0 if self.absent else int(self.size[:-2]) << (20 if self.size.endswith("MB") else 30)
        return {"path": self.path, "bytes": count, "active": self.active, "absent": self.absent}


def _escaped(text: str) -> str:
    """Blanks separate the fields of fstab; it writes them in octal."""
    return text.replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011")
