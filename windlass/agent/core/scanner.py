"""Which TCP ports of an address answer: connections that are begun by the thousand and given up when nothing comes back.

Used on hosts by the operation `Scan`, and by the controller, which looks from outside, as it is.
"""

from __future__ import annotations

import errno
import resource
import select
import socket
import time
from typing import Callable, Dict, Iterator, List, Sequence, Tuple

AT_ONCE = 4000  # connections under way; fewer where the system allows fewer open files
SLICE = 0.05  # seconds between two looks at what has become of them
TRACKED, MOST_TRACKED = "/proc/sys/net/netfilter/nf_conntrack_count", "/proc/sys/net/netfilter/nf_conntrack_max"
Wait = Callable[[float], None]


class Unreachable(OSError):  # noqa: N818 - reads as what happened
    """There is no way to the address from here."""


def scan(address: str, ports: Sequence[int], limit: float, wait: Wait = time.sleep) -> List[int]:
    """The ports that accept a connection within `limit` seconds, in order. Raises Unreachable.

    `wait` is called while the table of tracked connections is three quarters full: a scan never crowds out what is served.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    waiting: Dict[int, Tuple[socket.socket, int, float]] = {}
    found: List[int] = []
    poll = select.poll()
    left = iter(ports)
    most, more = _most_at_once(), True
    try:
        while more or waiting:
            _make_room(wait)
            more = more and _begin(family, address, left, limit, most, (waiting, poll))
            for descriptor, _events in poll.poll(SLICE * 1000):
                tried, port, _until = waiting.pop(descriptor)
                poll.unregister(descriptor)
                if tried.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                    found.append(port)
                tried.close()
            _give_up(waiting, poll)
    finally:
        for tried, _port, _until in waiting.values():
            tried.close()
    return sorted(found)


Underway = Tuple[Dict[int, Tuple[socket.socket, int, float]], "select.poll"]


def _begin(family: int, address: str, left: Iterator[int], limit: float, most: int, underway: Underway) -> bool:
    """Begin as many as may be under way; whether there are more to begin."""
    waiting, poll = underway
    while len(waiting) < most:
        port = next(left, None)
        if port is None:
            return False
        tried = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        status = tried.connect_ex((address, port))
        if status in (0, errno.EINPROGRESS):
            waiting[tried.fileno()] = (tried, port, time.monotonic() + limit)
            poll.register(tried, select.POLLOUT)
            continue
        tried.close()
        if status in (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM):
            raise Unreachable(status, errno.errorcode[status])
    return True


def _give_up(waiting: Dict[int, Tuple[socket.socket, int, float]], poll: "select.poll") -> None:
    now = time.monotonic()
    for descriptor in [each for each, (_tried, _port, until) in waiting.items() if until <= now]:
        poll.unregister(descriptor)
        waiting.pop(descriptor)[0].close()


def _most_at_once() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < AT_ONCE + 100:
        soft = hard if hard != resource.RLIM_INFINITY and hard < AT_ONCE + 100 else AT_ONCE + 100
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(10, min(AT_ONCE, soft - 100))


def _make_room(wait: Wait) -> None:
    while True:
        try:
            with open(TRACKED, encoding="ascii") as tracked, open(MOST_TRACKED, encoding="ascii") as most:
                if int(tracked.read()) * 4 < int(most.read()) * 3:
                    return
        except OSError:  # nothing is tracked
            return
        wait(1.0)


def source_towards(address: str) -> str:
    """The address of this machine that a connection to there would come from. Raises Unreachable."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
        except OSError as error:
            raise Unreachable(error.errno, error.strerror) from error
        return str(probe.getsockname()[0]).partition("%")[0]
