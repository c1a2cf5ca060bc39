"""What holds for an environment as a whole."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from windlass.inventory.notifications import Notify
from windlass.inventory.schema import Entry, Transport, UserName

SHORTEST_GRACE: Final = 30.0  # seconds; pings come every five, some may be late, and a host may have been called a while ago


def _bridges(seconds: float) -> float:
    """A host that waits for less than a few pings would give up a controller that is there."""
    if 0 < seconds < SHORTEST_GRACE:
        raise ValueError(f"should be 0, or at least {SHORTEST_GRACE:.0f}: less would end runs whose connection is only slow")
    return seconds


class General(Entry):
    """The section `environment:`, what holds for the environment as a whole."""

    description: str = ""
    """What this environment is for, in one line; shown before a deploy"""
    confirm: bool | None = None
    """Have a person type the environment's name before anything is changed; on its own true for an environment called production"""
    user: UserName = "deploy"
    """The user that logs in on hosts that name none; it may become root with sudo"""
    transport: Transport = "paramiko"
    """What carries the connections: Paramiko, the system's own `ssh` (FIDO keys, GSSAPI, all of ssh_config), or libssh2 (the least
    work with many hosts)"""
    warm_seconds: Annotated[float, Field(ge=0, le=86400)] = 60.0
    """With `transport: openssh`: how long a connection is kept for the next run, in seconds; 0 for none"""
    connect_seconds: Annotated[float, Field(ge=1, le=300)] = 10.0
    """How many seconds a host may take to accept a connection, and again to let us in; then it counts as not reachable"""
    grace_seconds: Annotated[float, Field(ge=0, le=600), AfterValidator(_bridges)] = 45.0
    """For how many seconds a connection that breaks in the middle of a run is taken up again before the run has failed on that
    host; 0 for not at all, else at least 30"""
    private_key: str = ""
    """File with the key to log in with, `~/…` or from the project's folder; without it the SSH agent and your own keys"""
    known_hosts: str = ""
    """File with the hosts' SSH keys, from the project's folder; without it the user's own known_hosts counts"""
    notify: Notify = Field(default_factory=Notify)
    """Who is told when a backup, a drill or a prune fails, and when it works again"""
