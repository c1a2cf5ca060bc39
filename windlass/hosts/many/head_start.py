"""Hosts that are called before anybody asked: to log in takes as long as to read the inventory, and both can go on at once.

Whoever begins knows from an earlier run of the same command which targets it will come to; a line that is opened to the very same
target takes the beginning over. What nobody takes over in time is hung up on, and the agent there ends without having done a thing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Final

from windlass.hosts.agent.starting import Starting
from windlass.hosts.common.target import Target
from windlass.hosts.opening import open_over_ssh

PARTING: Final = 1.0  # seconds
OLDEST: Final = 15.0  # seconds: an agent that heard nothing for longer may be about to give up

_begun: dict[Target, _Begun] = {}
_wanted: dict[Target, None] = {}


def begin(targets: Iterable[Target]) -> None:
    """Log in on all of these at once, and have the agent started there. What goes wrong is told to whoever waits for it."""
    for target in targets:
        _begun[target] = _Begun(target)


def started(target: Target) -> Starting | None:
    """The beginning of a line to this very target, if there is one that is not too old. Raises what stands in its way now; what
    stood there earlier may be gone, so whoever asks has to try it anew."""
    _wanted[target] = None
    begun = _begun.pop(target, None)
    if begun is None or begun.has_failed():
        return None
    if begun.is_old():
        begun.unwanted = True
        begun.part(time.monotonic())
        return None
    return begun.outcome()


def wanted() -> tuple[Target, ...]:
    """All targets to which lines were opened so far, in this order."""
    return tuple(_wanted)


def give_up() -> None:
    """Hang up on all that nobody took over. Who is still logging in has a moment to be through with it: an agent that is told
    goodbye ends at once, one that is just left waits for somebody to come back."""
    deadline = time.monotonic() + PARTING
    left = [_begun.popitem()[1] for _ in range(len(_begun))]
    for each in left:
        each.unwanted = True
    for each in left:
        each.part(deadline)


class _Begun:
    """One start under way."""

    def __init__(self, target: Target) -> None:
        self.unwanted = False
        self._target = target
        self._since = time.monotonic()
        self._starting: Starting | None = None
        self._error: Exception | None = None
        self._through = threading.Event()
        threading.Thread(target=self._start, name=f"call {target.name}", daemon=True).start()

    def _start(self) -> None:
        try:
            self._starting = Starting(self._target, open_over_ssh)
            if not self.unwanted:
                self._starting.give_agent()
        except Exception as error:
            self._error = error
        finally:
            self._through.set()

    def is_old(self) -> bool:
        return time.monotonic() - self._since > OLDEST

    def has_failed(self) -> bool:
        return self._through.is_set() and self._error is not None

    def outcome(self) -> Starting | None:
        self._through.wait()
        if self._error is not None:
            raise self._error
        return self._starting

    def part(self, deadline: float) -> None:
        if self._through.wait(max(0.0, deadline - time.monotonic())) and self._starting is not None:
            self._starting.part()
