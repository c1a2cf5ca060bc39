"""The stations of a run, and how many turns they take: what waits for no other host travels in one batch.

A host does what it is given one after the other and ends at the first failure, and what it is about to do stands on its own disk
first (`Progress`). So stations that follow each other may go to it at once. Only where all hosts must have come equally far does
everybody wait, and where there is one host nobody ever does.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from windlass.events import Event, Listener, OperationStarted
from windlass.flows.steps import Timer
from windlass.operations.operation import Operation

Found = dict[str, dict[str, tuple[Any, ...]]]  # results by station and host


@dataclass(frozen=True, slots=True)
class Station:
    """What hosts do under one name. `together`: none begins it before every host is through with what comes before."""

    step: str
    work: Mapping[str, Sequence[Operation]]
    together: bool = False


def turns(stations: Iterable[Station]) -> list[list[Station]]:
    """The stations that travel at once. What asks nothing of anybody is left out."""
    found: list[list[Station]] = []
    wanted = [each for each in stations if any(each.work.values())]
    one_host = len({host for each in wanted for host in each.work}) < 2
    for each in wanted:
        if found and (one_host or not each.together):
            found[-1].append(each)
        else:
            found.append([each])
    return found


def joined(stations: Sequence[Station]) -> dict[str, list[Operation]]:
    """What each host gets for these stations."""
    found: dict[str, list[Operation]] = {}
    for each in stations:
        for host, operations in each.work.items():
            found.setdefault(host, []).extend(operations)
    return found


def parted(stations: Sequence[Station], results: Mapping[str, Sequence[Any]]) -> Found:
    """The results of each station. Those of one name, such as the switch of the first host and that of the others, are together."""
    found: Found = {}
    left = {host: iter(each) for host, each in results.items()}
    for each in stations:
        mine = found.setdefault(each.step, {})
        for host, operations in each.work.items():
            mine[host] = (*mine.get(host, ()), *(next(left[host]) for _ in operations))
    return found


class Follower:
    """Announces each station when the last of its hosts has come to it, though all of them travel at once."""

    def __init__(self, timer: Timer) -> None:
        self._timer = timer
        self._lock = threading.Lock()
        self._stations: Sequence[Station] = ()
        self._begins: dict[str, list[int]] = {}
        self._at: dict[str, int] = {}
        self._now = -1
        self._open = ExitStack()

    def hearing(self, listener: Listener) -> Listener:
        """A listener that tells this one, and passes on what it hears."""

        def listen(event: Event) -> None:
            if isinstance(event, OperationStarted):
                with self._lock:
                    self._heard(event)
            listener(event)

        return listen

    @contextmanager
    def follow(self, stations: Sequence[Station]) -> Iterator[None]:
        """While the hosts are at these."""
        hosts = joined(stations)
        with ExitStack() as step:
            with self._lock:
                self._stations, self._open, self._now = stations, step, -1
                self._begins = {host: _beginnings(stations, host) for host in hosts}
                self._at = dict.fromkeys(hosts, 0)
                self._reach(0)
            try:
                yield
            except BaseException:
                with self._lock:
                    self._stations = ()
                raise
            with self._lock:
                self._reach(len(stations) - 1)
                self._stations = ()

    def _heard(self, event: OperationStarted) -> None:
        begins = self._begins.get(event.host)
        if not self._stations or begins is None:
            return
        self._at[event.host] = max(number for number, begin in enumerate(begins) if begin <= event.index)
        self._reach(min(self._at.values()))

    def _reach(self, number: int) -> None:
        """The steps up to this one; each ends before the next begins."""
        while self._now < number:
            self._now += 1
            self._open.close()
            station = self._stations[self._now]
            self._open.enter_context(self._timer.step(station.step, [host for host, asked in station.work.items() if asked]))


def _beginnings(stations: Sequence[Station], host: str) -> list[int]:
    """For each station the place of the host's first operation in the batch; those that ask nothing of it begin with the next."""
    found, place = [], 0
    for each in stations:
        found.append(place)
        place += len(each.work.get(host, ()))
    return found
