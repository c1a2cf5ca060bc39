"""What a file has besides owner and mode, and keeps when another takes its place: access control lists, labels, users' notes."""

from __future__ import annotations

import os
import stat
import struct
from typing import Dict, Optional

ACL = "system.posix_acl_access"
KEPT = (ACL, "security.selinux", "user.")  # not security.capability: that vouches for a content
ENTRY = struct.Struct("<HHI")  # tag, rights, whose
OWNER, MASK, OTHERS = 0x01, 0x10, 0x20
MARK = "user.windlass.secret"  # of a file into which something secret was written: once it is known no longer, nothing masks it


def carry_over(path: str, descriptor: int, mode: int) -> None:
    """Give a new file what the one has that it is to replace. Rights in its list are cut to the mode, which is set afterwards.

    Where there is one to replace that has no list, the new file has none, either, whatever its folder gives to new files.
    """
    before = _attributes(path)
    if before is None:
        return
    if ACL not in before:
        _drop_list(descriptor)
    for name, value in before.items():
        os.setxattr(descriptor, name, _cut(value, mode) if name == ACL else value)


def _attributes(path: str) -> Optional[Dict[str, bytes]]:
    """Those of a regular file, None where there is no such file."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        names = [name for name in os.listxattr(path, follow_symlinks=False) if name.startswith(KEPT)]
        return {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
    except FileNotFoundError:
        return None
    except OSError:  # a file system without any
        return {}


def _drop_list(descriptor: int) -> None:
    try:
        os.removexattr(descriptor, ACL)
    except OSError:
        pass  # it has none


def _cut(value: bytes, mode: int) -> bytes:
    """The list with the rights of these bits: nobody is to read the new content in the moment before chmod."""
    bits = {OWNER: mode >> 6 & 7, MASK: mode >> 3 & 7, OTHERS: mode & 7}
    return value[:4] + b"".join(
        ENTRY.pack(tag, bits.get(tag, rights), whose) for tag, rights, whose in ENTRY.iter_unpack(value[4:])
    )


def holds_secret(path: str) -> bool:
    """Whether something secret was written into this file, and it was not written whole without any since."""
    try:
        os.getxattr(path, MARK, follow_symlinks=False)
    except OSError:
        return False
    return True


def mark(path: str, is_secret: bool) -> None:
    """Note it, where the file system can."""
    if is_secret == holds_secret(path):
        return
    try:
        if is_secret:
            os.setxattr(path, MARK, b"1", follow_symlinks=False)
        else:
            os.removexattr(path, MARK, follow_symlinks=False)
    except OSError:
        pass


def other_names(path: str) -> str:
    """In words, that a file which is to be replaced has hard links: they keep the old content."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return ""
    count = status.st_nlink - 1 if stat.S_ISREG(status.st_mode) else 0
    return (
        ""
        if not count
        else ", %s the old content"
        % ("another name (hard link) keeps" if count == 1 else "%d other names (hard links) keep" % count)
    )
