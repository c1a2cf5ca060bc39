"""Makes hosts what their roles say: all operations of all roles of a host in one batch, all hosts at once."""

from __future__ import annotations

import getpass
import socket
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from windlass import events
from windlass.errors import PARTLY_DONE, REFUSED, ConnectionFailed, FlowFailed, HeldByAnother, HostError, WindlassError
from windlass.flows.resuming import Remembering, Started
from windlass.hosts.many.fleet import errors_of
from windlass.operations.assertion import Assert
from windlass.operations.operation import Operation
from windlass.operations.sharing import shared
from windlass.operations.wire import Batch
from windlass.plans.rounds import FailurePolicy, OnFailure, halt, rounds

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.hosts.many.crew import Crew
    from windlass.inventory import Host

__all__ = ["FailurePolicy", "HostSetup", "OnFailure", "SetupResult", "asserts_first", "batch_for", "on_hosts", "setup"]


CONTINUE = FailurePolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSetup:
    """What a host came to. `error` is why it failed; a host that was never begun has neither counts nor error."""

    begun: bool = True
    ok: int = 0
    changed: int = 0
    unknown: int = 0
    skipped: int = 0
    failed: int = 0
    round_trips: int = 0
    seconds: float = 0.0
    error: HostError | None = None

    def state(self) -> str:
        """What is true of the host now, in a few words."""
        if not self.begun:
            return "not touched"
        changed = self.changed + self.unknown
        if not self.error:
            return f"set up: {self.ok} ok, {changed} changed"
        return f"{self.error.message} ({changed} changed before that)" if changed else self.error.message


@dataclass(frozen=True, slots=True)
class SetupResult:
    """All hosts that were to be set up, in the inventory's order. `halted` is why hosts were left untouched, if any were."""

    hosts: Mapping[str, HostSetup]
    halted: str = ""

    @property
    def changed(self) -> int:
        """How many operations changed something, or would."""
        return sum(host.changed + host.unknown for host in self.hosts.values())

    def error(self) -> WindlassError | None:
        """None when all went well; the host's own error where only one host took part."""
        failed = {name: host.error for name, host in self.hosts.items() if host.error}
        if not failed:
            return None
        if len(self.hosts) == 1:
            return next(iter(failed.values()))
        error = FlowFailed(
            f"setup failed on {len(failed)} of {len(self.hosts)} hosts",
            hosts={name: host.state() for name, host in self.hosts.items()},
            partly=any(host.begun and not host.error for host in self.hosts.values()),
            last_lines=[
                *(f"{name}: {line}" for name, error in failed.items() for line in error.last_lines),
                *([self.halted] if self.halted else []),
            ],
            hint="; ".join(dict.fromkeys(error.hint for error in failed.values() if error.hint))
            or "put it right and run the same again: what is done is left alone",
        )
        if all(isinstance(each, HeldByAnother) for each in failed.values()) and error.exit_code != PARTLY_DONE:
            error.exit_code = REFUSED
        return error


def setup(
    workspace: Workspace,
    hosts: Sequence[Host],
    *,
    check: bool = False,
    policy: FailurePolicy = CONTINUE,
    listener: events.Listener = events.nobody,
    roles: Collection[str] = (),
) -> SetupResult:
    """Make hosts what their roles say (only these `roles`, if any are named), or with `check` only say what would change.

    policy   how many hosts at once, and after how many failures the rest is left untouched

    What the roles want is worked out for all hosts before anything is done on the first: raises UsageError or InventoryError then.
    """
    tally = _Tally(listener)
    names = tuple(host.name for host in hosts)
    with workspace.crew(names, tally) as crew:
        for first in rounds(names, policy)[:1]:
            crew.call(first)  # logging in takes as long as working out what is wanted
        begun = _begun(workspace, names, roles, policy) if workspace.journaled and not check else None
        with begun or nullcontext():
            batches = shared({host.name: batch_for(workspace, host, check=check, roles=roles) for host in hosts})
            for operation in {id(each): each for batch in dict.fromkeys(batches.values()) for each in batch.operations}.values():
                operation.get_ready()
            if begun:
                begun.want(batches, workspace.secrets)
        return _counted(crew, batches, tally, policy, _resumable(begun, listener))


def _begun(workspace: Workspace, hosts: tuple[str, ...], roles: Collection[str], policy: FailurePolicy) -> Remembering:
    started = Started(
        workspace.run,
        workspace.environment.name,
        hosts,
        tuple(roles),
        lab=workspace.lab is not None,
        policy=policy,
        hands=workspace.hands,
    )
    return Remembering(workspace.project, started)


def _resumable(begun: Remembering | None, listener: events.Listener) -> str:
    """The run that can be gone on with, if there is one. That none can is no reason to do nothing: hosts may have to be mended."""
    if begun and begun.trouble:
        listener(events.Note(f"this run could not be gone on with by --resume: {begun.trouble}", warning=True))
    return begun.run if begun and not begun.trouble else ""


def on_hosts(
    workspace: Workspace, batches: Mapping[str, Batch], *, step: str, policy: FailurePolicy, listener: events.Listener
) -> SetupResult:
    """Run a batch on each of these hosts and count what it comes to."""
    tally = _Tally(listener, step)
    with workspace.crew(batches, tally) as crew:
        return _counted(crew, batches, tally, policy)


def _counted(crew: Crew, batches: Mapping[str, Batch], tally: _Tally, policy: FailurePolicy, run: str = "") -> SetupResult:
    halted = ""
    for names in rounds(tuple(batches), policy):
        if stopped := halt(len(tally.failed), len(batches), policy):
            halted = stopped.reason
            break
        tally.begin(names)
        tally.failed |= errors_of(crew.run({name: batches[name] for name in names}))
        tally.end()
    for error in tally.failed.values():
        if run and isinstance(error, ConnectionFailed):
            error.hint = f"{error.hint}; or go on with this run: --resume {run}"
    return SetupResult({name: tally.host(name, crew.round_trips.get(name, 0)) for name in batches}, halted)


def batch_for(workspace: Workspace, host: Host, *, check: bool = False, roles: Collection[str] = ()) -> Batch:
    """What all roles of a host (only these, if any are named) want of it, in the order of its roles."""
    view = workspace.view(host)
    environment = workspace.environment
    wanted = [
        operation
        for role in environment.roles_of(host)
        if not roles or role in roles
        for operation in workspace.catalogue.wanted(role, view, environment.settings(host, role))
    ]
    journal = workspace.run if workspace.journaled and not check else ""
    return Batch(asserts_first(wanted), check=check, journal=journal, alone=_alone(workspace, roles) if journal else {})


def _alone(workspace: Workspace, roles: Collection[str]) -> dict[str, str]:
    """The lock of a setup: two at once would each undo a part of what the other does."""
    only = f" --roles {','.join(sorted(roles))}" if roles else ""
    who = f"{getpass.getuser()}@{socket.gethostname()}"
    return {"name": "setup", "holder": who, "purpose": f"setup --env {workspace.environment.name}{only}"}


def asserts_first(operations: Sequence[Operation]) -> tuple[Operation, ...]:
    """What must be so of a host comes before everything that is done to it, whichever role says it."""
    asserts = [each for each in operations if isinstance(each, Assert) and each.first and not each.only_after]
    return (*asserts, *(each for each in operations if each not in asserts)) if asserts else tuple(operations)


@dataclass(slots=True)
class _Tally:
    """Listens in: counts per host, also of hosts that fail halfway, and how long each took."""

    listener: events.Listener
    step: str = "setup"
    failed: dict[str, HostError] = field(default_factory=dict)
    _counts: dict[str, dict[str, int]] = field(default_factory=dict)
    _seconds: dict[str, float] = field(default_factory=dict)
    _began: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, hosts: Sequence[str]) -> None:
        """The time of the hosts that are worked on next counts from now."""
        self._began = time.monotonic()
        self.listener(events.StepStarted(self.step, tuple(hosts)))

    def end(self) -> None:
        """All hosts that were begun are through."""
        self.listener(events.StepEnded(self.step, time.monotonic() - self._began, failed=bool(self.failed)))

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.OperationEnded):
            with self._lock:
                counts = self._counts.setdefault(event.host, {})
                counts[event.status] = counts.get(event.status, 0) + 1
        elif isinstance(event, events.HostEnded):
            self._seconds[event.host] = time.monotonic() - self._began
        self.listener(event)

    def host(self, name: str, round_trips: int) -> HostSetup:
        return HostSetup(
            begun=name in self._seconds,
            **self._counts.get(name, {}),
            round_trips=round_trips,
            seconds=round(self._seconds.get(name, 0.0), 3),
            error=self.failed.get(name),
        )
