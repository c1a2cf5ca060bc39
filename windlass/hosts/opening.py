"""The usual way to open a session: whatever the target says that carries it."""

from __future__ import annotations

from windlass.errors import ConnectionFailed
from windlass.hosts.common.plain_way import is_plain
from windlass.hosts.common.session import Session
from windlass.hosts.common.target import Target


def open_over_ssh(target: Target, command: str) -> Session:
    """The usual opener. Fabric and Paramiko load only when a host is called, not to print a list of tasks."""
    if target.transport == "openssh":
        from windlass.hosts.by_openssh import openssh  # noqa: PLC0415

        return openssh.open_session(target, command)
    if target.transport == "libssh2" and is_plain(target):
        return _by_libssh2(target, command)
    from windlass.hosts.by_paramiko.connection import open_session  # noqa: PLC0415

    return open_session(target, command)


def _by_libssh2(target: Target, command: str) -> Session:
    try:
        from windlass.hosts.by_libssh2 import libssh2  # noqa: PLC0415
    except ImportError as error:
        raise ConnectionFailed(
            f"`transport: libssh2` of {target.name} needs a package that is not there: {error}",
            host=target.name,
            hint="pip install 'windlass[libssh2]', or leave `transport` out of the inventory",
        ) from error
    return libssh2.open_session(target, command)
