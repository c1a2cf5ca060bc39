"""What happens during a run, told as values to whoever listens; nobody below `tasks` prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A command begins to work on an environment; `run` is its name everywhere: event log, history, `--json`, journals on hosts."""

    run: str
    task: str
    environment: str
    check: bool = False


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step of a flow begins on these hosts."""

    step: str
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepEnded:
    """A step of a flow is over."""

    step: str
    seconds: float
    failed: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class OperationStarted:
    """An operation begins on a host."""

    host: str
    title: str
    index: int
    total: int


@dataclass(frozen=True, slots=True)
class OperationEnded:
    """An operation is over on a host. `status` is ok, changed, unknown, skipped or failed."""

    host: str
    title: str
    status: str
    seconds: float = 0.0
    summary: str = ""
    diff: str = ""
    last_lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OperationOutput:
    """The last lines that the program of the operation under way has written; `missed` came before them and are not told."""

    host: str
    lines: tuple[str, ...]
    missed: int = 0


@dataclass(frozen=True, slots=True)
class HostConnected:
    """The line to a host is open, the agent there has said hello."""

    host: str
    seconds: float
    round_trips: int
    bytes_sent: int
    bytes_received: int


@dataclass(frozen=True, slots=True)
class BatchEnded:
    """A batch is over on a host, or broken off; the figures are those of this batch alone."""

    host: str
    seconds: float
    round_trips: int
    bytes_sent: int
    bytes_received: int


@dataclass(frozen=True, slots=True)
class HostEnded:
    """A host has done all of a batch, or has failed with this message."""

    host: str
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the person who watches; `host` is empty where it is about the whole."""

    text: str
    host: str = ""
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """The run is over; `result` is what `--json` prints."""

    task: str
    environment: str
    status: str
    result: Mapping[str, Any] = field(default_factory=dict)


Event = (
    RunStarted
    | StepStarted
    | StepEnded
    | OperationStarted
    | OperationEnded
    | OperationOutput
    | HostConnected
    | BatchEnded
    | HostEnded
    | Note
    | Finished
)
Listener = Callable[[Event], None]


def nobody(_event: Event) -> None:
    """A listener for runs that nobody watches."""
