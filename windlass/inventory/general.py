"""What holds for an environment as a whole."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from windlass.inventory.notifications import Notify
from windlass.inventory.schema import Entry, Transport, UserName


class General(Entry):
    """The section `environment:`, what holds for the environment as a whole."""

    description: str = ""
    """What this environment is for, in one line; shown before a deploy"""
    confirm: bool | None = None
    """Have a person type the environment's name before anything is changed; on its own true for an environment called production"""
    user: UserName = "deploy"
    """The user that logs in on hosts that name none; it may become root with sudo"""
    known_hosts: str = ""
    """File with the hosts' SSH keys, from the project's folder; without it the user's own known_hosts counts"""
    transport: Transport = "paramiko"
    """What carries the connection: paramiko, or openssh, the program `ssh`, for keys in hardware, Kerberos and all of ssh_config"""
    keep_connections: Annotated[int, Field(ge=0, le=86400)] = 0
    """With openssh: seconds for which a connection stays open for the next run, which then needs no login; 0 closes it at once"""
    notify: Notify = Notify()
    """Who is told when a backup, a drill or a prune fails, and when it works again"""
