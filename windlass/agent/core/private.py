"""Folders that nobody else can look into, for what only this user's processes may find."""

from __future__ import annotations

import os


def for_doors() -> str:
    """The folder of the sockets by which controllers come back, without those of agents that were killed. Raises OSError."""
    user = os.geteuid()
    folder = alone("/run/windlass/lines" if user == 0 else "/tmp/windlass-lines-%d" % user)  # noqa: S108 - looked at there
    for name in os.listdir(folder):
        if not os.path.exists("/proc/" + name) and os.path.isdir("/proc/self"):
            remove(os.path.join(folder, name))
    return folder


def alone(folder: str) -> str:
    """This folder, for us alone; whoever came before us at its name is not trusted. Raises OSError."""
    os.makedirs(os.path.dirname(folder), mode=0o755, exist_ok=True)
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    found = os.lstat(folder)
    if found.st_uid != os.geteuid() or found.st_mode & 0o170077 != 0o040000:
        raise PermissionError("%s is not ours alone" % folder)
    return folder


def remove(path: str) -> None:
    """A file, if it is there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
