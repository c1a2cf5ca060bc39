"""Open files of this process: many hosts need many, and a shell usually allows 1,024."""

from __future__ import annotations

import resource
import select
from collections.abc import Collection
from typing import Final

from windlass.errors import UsageError
from windlass.hosts.common.target import Target

EACH: Final = {  # of a host, by what carries its connection
    "openssh": 4,  # three pipes to an ssh, and one to spare
    "paramiko": 2,  # its own socket, and that to a jump host
    "libssh2": 5,  # its socket, and two ends of a pipe for who reads and for who sends
}
FOR_US: Final = 128

READABLE: Final = select.POLLIN
WRITABLE: Final = select.POLLOUT


def ready(descriptor: int, what: int, seconds: float) -> bool:
    """Wait until it is `READABLE` or `WRITABLE`, or has come to its end. `select` could do this for the first 1,024 only."""
    return bool(_polled((descriptor,), what, seconds))


def readable(descriptors: Collection[int], seconds: float) -> frozenset[int]:
    """Wait until one of these is, or has come to its end; all that are by then."""
    return frozenset(descriptor for descriptor, _what in _polled(descriptors, READABLE, seconds))


def _polled(descriptors: Collection[int], what: int, seconds: float) -> list[tuple[int, int]]:
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, what)
    return poll.poll(max(0.0, seconds) * 1000)


def make_room(targets: Collection[Target]) -> None:
    """Allow this process as many open files as these hosts need. Raises UsageError where it may not have them."""
    needed = FOR_US + sum(EACH[target.transport] for target in targets)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed or soft == resource.RLIM_INFINITY:
        return
    if needed > hard != resource.RLIM_INFINITY:
        raise UsageError(
            f"{len(targets)} hosts at once need {needed} open files, and this user may have {hard}",
            hint="share them: --workers 4; or raise the limit (`ulimit -Hn`, or nofile in /etc/security/limits.conf)",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
