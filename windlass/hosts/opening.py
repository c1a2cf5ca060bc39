"""The usual way to open a session: whatever the target says that carries it."""

from __future__ import annotations

from windlass.hosts.session import Session
from windlass.hosts.target import Target


def open_over_ssh(target: Target, command: str) -> Session:
    """The usual opener. Fabric and Paramiko load only when a host is called, not to print a list of tasks."""
    if target.transport == "openssh":
        from windlass.hosts import openssh  # noqa: PLC0415

        return openssh.open_session(target, command)
    from windlass.hosts.connection import open_session  # noqa: PLC0415

    return open_session(target, command)
