"""Who does the work on the hosts: this process, several of this machine, or the workers of a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from windlass import events
from windlass.errors import UsageError
from windlass.hosts.agent.results import Result
from windlass.hosts.channel import Confirmer
from windlass.hosts.common.target import Target
from windlass.hosts.many.fleet import Fleet, Outcomes
from windlass.operations.wire import Batch

if TYPE_CHECKING:
    from windlass.hosts.many.distribution import Workforce

MOST_WORKERS = 64


@dataclass(frozen=True, slots=True)
class Hands:
    """What was asked for: so many processes, or an executor's address; neither is this process."""

    workers: int = 0
    executor: str = ""


class Crew(Protocol):
    """What flows need of a Fleet to run batches, whoever does the work."""

    @property
    def round_trips(self) -> Mapping[str, int]:
        """How often each host was waited for."""

    def call(self, hosts: Iterable[str]) -> None:
        """These hosts will be needed soon: a crew that can logs in meanwhile, and no more. What goes wrong is told by `run`."""

    def run(self, batches: Mapping[str, Batch]) -> Outcomes[tuple[Result, ...]]:
        """Run a batch on each host at once; a host that fails does not stop the others."""


def crew_of(
    hands: Hands,
    targets: Iterable[Target],
    listener: events.Listener,
    confirmer: Callable[[events.Listener], Confirmer],
) -> AbstractContextManager[Crew]:
    """Enter it to work. Raises UsageError."""
    workforce = _workforce(hands)
    if workforce is None:
        return Fleet(targets, listener, confirmer=confirmer(listener))
    from windlass.hosts.many.distribution import Distribution  # noqa: PLC0415 - most runs need no workers

    return Distribution(targets, workforce, listener, confirmer)


def _workforce(hands: Hands) -> Workforce | None:
    if hands.workers and hands.executor:
        raise UsageError("--workers and --executor exclude each other")
    if hands.workers < 0 or hands.workers > MOST_WORKERS:
        raise UsageError(
            f"--workers {hands.workers}: there can be 1 to {MOST_WORKERS}", hint=f"this machine has {os.cpu_count()} cores"
        )
    if hands.executor:
        return _dask(hands.executor)
    if hands.workers:
        from windlass.hosts.many.processes import Processes  # noqa: PLC0415

        return Processes(hands.workers)
    return None


def _dask(url: str) -> Workforce:
    try:
        from windlass.hosts.many.dask_workers import DaskWorkers  # noqa: PLC0415
    except ImportError as error:
        if (error.name or "").split(".")[0] not in ("dask", "distributed"):
            raise
        raise UsageError("--executor needs Dask, which is not installed", hint="pip install 'windlass[dask]'") from error
    return DaskWorkers(url)
