"""What a channel needs of whatever carries it, and how long it waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from windlass.errors import ConnectionFailed
from windlass.hosts.common.target import Target

START_LIMIT: Final = 30.0  # seconds until the agent must have said hello
SILENCE_LIMIT: Final = 30.0  # seconds without a frame (pings are answered while operations run) until a host counts as gone

SILENT: Final = "takes the connection, but no SSH server answers"  # of a host whose kernel alone is awake
UP: Final = "check that the host is up, and its address and port in the inventory"
FORWARD: Final = "the jump host's sshd_config needs `AllowTcpForwarding local`, and no PermitOpen that leaves the host out"
LOOK: Final = "the host may be frozen, or far too busy: look at its console; or it is something else than sshd that has this port"

SLOW: Final = (
    "the host may have frozen, or be far too busy: look at its console; or its sshd waits for others, such as a directory of users "
    "(LDAP); `connect_seconds` in the inventory gives it longer"
)


class NotLetIn(ConnectionFailed):
    """There is somebody, who does not let us in, or is somebody else than before: the hint says what to mend."""


class Session(Protocol):
    """A command running at the other end of a line: the one seam between the engine and what carries it."""

    sent: int
    received: int

    def send(self, data: bytes | bytearray) -> None:
        """Send all of it. Raises OSError when the line is dead."""

    def receive(self, most: int) -> bytes:
        """What has come, at least a byte; empty at the end. Raises TimeoutError past the limit, OSError when the line is dead."""

    def wait_at_most(self, seconds: float) -> None:
        """Set the limit of `receive` and `send`."""

    def errors(self) -> str:
        """What the command wrote to standard error since the last call."""

    def close(self) -> None:
        """Hang up."""


Opener = Callable[[Target, str], Session]


def lost(target: Target, reason: object) -> ConnectionFailed:
    """The error for a line that was there and is no more."""
    return ConnectionFailed(
        f"the connection to {target.name} was lost: {reason}",
        host=target.name,
        hint="run the same again: what was done is done, and nothing is done twice",
    )
