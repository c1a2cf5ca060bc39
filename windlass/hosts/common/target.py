"""Where a host is and how one gets in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from windlass.values import Secret

Transport = Literal["paramiko", "openssh", "libssh2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A host as the connection needs it.

    private_key    the key to log in with; None leaves it to the SSH agent and the user's own keys
    known_hosts    the file that host keys are checked against; None means the user's and the system's
    accept_new     write down the key of a host never seen before; a changed key is refused all the same
    sudo           become root for the agent
    transport      what carries the connection: Paramiko, the system's own ssh, or libssh2
    warm_seconds   how long ssh keeps a connection for the next run; 0 is for a login of its own
    sudo_password  what sudo asks for; None where it does not ask
    grace_seconds  how long after the last word a lost connection may be taken up again; the agent waits as long; 0: not at all
    """

    name: str
    address: str
    user: str = ""
    port: int = 22
    jump: Target | None = None
    private_key: Path | None = None
    known_hosts: Path | None = None
    accept_new: bool = False
    sudo: bool = True
    sudo_password: Secret | None = None
    connect_seconds: float = 10.0
    transport: Transport = "paramiko"
    warm_seconds: float = 60.0
    grace_seconds: float = 45.0
