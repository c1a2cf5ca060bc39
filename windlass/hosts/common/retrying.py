"""sshd hangs up on some of many who come at once, before they have logged in (MaxStartups), and lets nobody in for the moment in
which it is started anew. Come fewer at a time, and again."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

BASTION_LOGINS = 8  # at once; sshd begins to hang up at ten (MaxStartups 10:30:100)
ONCE = 1
TRIES_DROPPED = 8
TRIES_REFUSED = 3  # about a second: sshd that reads its configuration anew is away for less
LONGEST_PAUSE = 3.0  # seconds
# How ssh and Paramiko put it. Both say the same of a host that is overloaded, where coming again a little later is right as well.
DROPPED = (
    r"kex_exchange_identification: (Connection closed|read: Connection reset|banner line)|Error reading SSH protocol banner"
    r"|Connection (closed|reset) by \S+ port \d+$|Exceeded MaxStartups|Not allowed at this time"
)
NO_PORT = 0  # of a ProxyCommand, which stands for the place that it leads to
Value = TypeVar("Value")


@lru_cache(maxsize=256)
def turnstile(_address: str, _port: int) -> threading.BoundedSemaphore:
    """Whoever wants to log in at this jump host passes here, for as long as the login takes."""
    return threading.BoundedSemaphore(BASTION_LOGINS)


def persistently(work: Callable[[], Value], tries: Callable[[Exception], int], limit: float) -> Value:
    """Try again, after pauses of random length that double, as often as `tries` says that an error is worth.

    limit   seconds after which it is not tried anew: one who waits in vain for a banner is not waiting for a place
    """
    deadline = time.monotonic() + limit
    for number in itertools.count(1):
        try:
            return work()
        except Exception as error:
            wait = pause(number)
            if number >= tries(error) or time.monotonic() + wait > deadline:
                raise
            time.sleep(wait)
    raise AssertionError("the last try ends above")


def pause(number: int) -> float:
    """Seconds to wait after the first, second, … try; by chance, which spreads those who were dropped together."""
    import random  # noqa: PLC0415 - few logins have to be tried again

    return random.uniform(0.5, 1.0) * min(LONGEST_PAUSE, 0.2 * float(2**number))  # noqa: S311 - nothing secret
