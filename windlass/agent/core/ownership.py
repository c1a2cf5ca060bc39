"""Whose a file is, and who may do what with it."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from typing import Tuple

from windlass.agent.core.outcome import OperationError

HELD = "/proc/self/fd/%d"  # what is open, whatever becomes of its name


def owner_ids(owner: str, group: str) -> Tuple[int, int]:
    """User and group id by name or number, -1 where empty. Raises OperationError for an unknown one."""
    try:
        user_id = -1 if not owner else int(owner) if owner.isdigit() else pwd.getpwnam(owner).pw_uid
    except KeyError:
        raise nobody("user", owner) from None
    try:
        group_id = -1 if not group else int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    except KeyError:
        raise nobody("group", group) from None
    return user_id, group_id


def nobody(kind: str, name: str) -> OperationError:
    """What is said of an owner that there is not."""
    return OperationError(
        "there is no %s %s on this host" % (kind, name), hint="add a %s before this operation" % kind.capitalize()
    )


def kept_ids(path: str, ids: Tuple[int, int]) -> Tuple[int, int]:
    """User and group id, where -1 is that of the file that is there, if there is one."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return ids
    return status.st_uid if ids[0] == -1 else ids[0], status.st_gid if ids[1] == -1 else ids[1]


def change_mode(path: str, mode: int) -> None:
    """Of this very file or folder, and not of what a link leads to that somebody lays in its place meanwhile."""
    descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW)
    try:
        set_mode(descriptor, mode)
    finally:
        os.close(descriptor)


def set_mode(descriptor: int, mode: int) -> None:
    """The same of what was opened with O_PATH; a link has no mode."""
    if not stat.S_ISLNK(os.fstat(descriptor).st_mode):
        os.chmod(HELD % descriptor, mode)


def mode_bits(path: str, mode: str) -> int:
    """Permission bits from octal text; from an empty one those of the file that is there, or the usual ones."""
    if mode:
        return int(mode, 8)
    return stat.S_IMODE(os.stat(path).st_mode) if os.path.isfile(path) else 0o644


def owner_and_mode(path: str) -> Tuple[str, str, int]:
    """Owner name, group name (numbers where there is no name) and permission bits, of the link itself if it is one."""
    return names_and_mode(os.lstat(path))


def names_and_mode(status: os.stat_result) -> Tuple[str, str, int]:
    """The same of what was looked at already."""
    try:
        owner = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        owner = str(status.st_uid)
    try:
        group = grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        group = str(status.st_gid)
    return owner, group, stat.S_IMODE(status.st_mode)
