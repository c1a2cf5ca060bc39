"""What all flows share: steps that are announced, and outcomes of many hosts judged together."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from windlass.errors import FlowFailed, HostError, OperationFailed, RefusedError, WindlassError
from windlass.events import Event, Listener, Note, OperationEnded, StepEnded, StepStarted
from windlass.hosts.many.fleet import errors_of
from windlass.operations.lease import Lease

if TYPE_CHECKING:
    from windlass.inventory import Application

Value = TypeVar("Value")

LOCK_WAIT = 2.0  # seconds: enough for a holder that has just been killed, too little to queue behind one that works


def steps_only(listener: Listener) -> Listener:
    """For flows whose steps say enough: what single operations changed is counted, not told. Failures are."""

    def listen(event: Event) -> None:
        if isinstance(event, OperationEnded) and event.status in ("changed", "unknown"):
            event = replace(event, status="ok")
        listener(event)

    return listen


def notes_only(listener: Listener) -> Listener:
    """For hosts that take part without being what the run is about."""

    def listen(event: Event) -> None:
        if isinstance(event, Note):
            listener(event)

    return listen


class Timer:
    """Announces steps and remembers how long each took, in seconds, and how old this process was when it ended."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.seconds: dict[str, float] = {}
        self.ended: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, hosts: Iterable[str] = ()) -> Iterator[None]:
        """Everything inside belongs to this step."""
        self._listener(StepStarted(name, tuple(hosts)))
        started = time.monotonic()
        failed = True
        try:
            yield
            failed = False
        finally:
            spent = time.monotonic() - started
            self.seconds[name] = round(self.seconds.get(name, 0.0) + spent, 3)
            self.ended[name] = process_age()
            self._listener(StepEnded(name, spent, failed))


def all_of(outcomes: Mapping[str, Value | HostError]) -> dict[str, Value]:
    """The values, if every host has one. One failed host raises its error, several raise FlowFailed with all of them."""
    failed = errors_of(outcomes)
    if len(failed) == 1:
        raise next(iter(failed.values()))
    if failed:
        first = next(iter(failed.values()))
        raise FlowFailed(
            f"{len(failed)} hosts failed: {first.message}",
            hosts={host: error.message for host, error in failed.items()},
            hint=first.hint,
            last_lines=first.last_lines,
        )
    return {host: outcome for host, outcome in outcomes.items() if not isinstance(outcome, HostError)}


def lock_of(application: Application) -> str:
    """What an application's lock is called."""
    return f"app-{application.name}"


def lease_of(application: Application, holder: str, purpose: str) -> Lease:
    """The lock of an application: one run at a time changes what serves."""
    return Lease(name=lock_of(application), holder=holder, purpose=purpose, wait_seconds=LOCK_WAIT)


def refuse_if_held(lease: Lease, outcomes: Mapping[str, object]) -> None:
    """Raises RefusedError, which says who holds it, if a host did not give the lock."""
    for error in errors_of(outcomes).values():
        if isinstance(error, OperationFailed) and error.tried == lease.title():
            raise RefusedError(error.message, host=error.host, hint=error.hint)


def until(look: Callable[[], Value], good: Callable[[Value], bool], limit: float) -> Value:
    """Look until what is seen is good, or for `limit` seconds; what was seen last."""
    deadline = time.monotonic() + limit
    while True:
        seen = look()
        if good(seen) or time.monotonic() >= deadline:
            return seen
        time.sleep(0.25)


def told(error: BaseException) -> str:
    """An error in one line."""
    return error.message if isinstance(error, WindlassError) else str(error) or "interrupted"


def process_age() -> float:
    """Seconds since this process was started: since somebody pressed Enter. 0 where the system does not tell."""
    try:
        fields = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace").rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return round(time.clock_gettime(time.CLOCK_BOOTTIME) - started, 3)
