"""Open files of this process: many hosts need many, and a shell usually allows 1,024."""

from __future__ import annotations

import resource
import select
from typing import Final

from windlass.errors import UsageError

FOR_A_HOST: Final = 4  # three pipes to its ssh, and one to spare; Paramiko needs less
FOR_US: Final = 128

READABLE: Final = select.POLLIN
WRITABLE: Final = select.POLLOUT


def ready(descriptor: int, what: int, seconds: float) -> bool:
    """Wait until it is `READABLE` or `WRITABLE`, or has come to its end. `select` could do this for the first 1,024 only."""
    poll = select.poll()
    poll.register(descriptor, what)
    return bool(poll.poll(max(0.0, seconds) * 1000))


def make_room(hosts: int) -> None:
    """Allow this process as many open files as so many hosts need. Raises UsageError where it may not have them."""
    needed = FOR_US + FOR_A_HOST * hosts
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed or soft == resource.RLIM_INFINITY:
        return
    if needed > hard != resource.RLIM_INFINITY:
        raise UsageError(
            f"{hosts} hosts at once need {needed} open files, and this user may have {hard}",
            hint="share them: --workers 4; or raise the limit (`ulimit -Hn`, or nofile in /etc/security/limits.conf)",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
