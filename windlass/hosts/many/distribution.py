"""Many hosts on many workers: shards go to any `concurrent.futures.Executor`, and all that happens there is heard here."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from types import TracebackType
from typing import Protocol

from windlass import events
from windlass.errors import ConnectionFailed
from windlass.hosts.agent.results import Result
from windlass.hosts.channel import Confirmer
from windlass.hosts.common.target import Target
from windlass.hosts.many.fleet import Outcomes
from windlass.hosts.many.shard import Ended, Mailbox, Message, Outcome, Over, Shard, work_on
from windlass.operations.wire import Batch
from windlass.values import counted

MOST_HOSTS = 200  # of one shard
MOST_TRIES = 3  # workers that may die of one shard
STRAGGLING = 60.0  # seconds that what a worker told may arrive after its last word


class Workforce(Protocol):
    """Workers, however they came to be.

    workers   how many there are
    executor  takes shards
    mailbox   travels with them
    died      the exceptions of a future whose worker died
    """

    @property
    def workers(self) -> int: ...
    @property
    def executor(self) -> Executor: ...
    @property
    def mailbox(self) -> Mailbox: ...
    @property
    def died(self) -> tuple[type[BaseException], ...]: ...

    def hear(self, handler: Callable[[Message], None]) -> None:
        """Give all that workers tell to the handler, from now on."""

    def interrupt(self) -> None:
        """Ask all workers to end what they are at."""

    def close(self) -> None:
        """Let them go, at once."""


class Distribution:
    """Does for flows what a Fleet does, by workers. Close it by leaving it."""

    def __init__(
        self,
        targets: Iterable[Target],
        workforce: Workforce,
        listener: events.Listener,
        confirmer: Callable[[events.Listener], Confirmer],
    ) -> None:
        self._targets = {target.name: target for target in targets}
        self._workforce = workforce
        self._listener = listener
        self._confirmer = confirmer
        self._news = threading.Condition()
        self._outcomes: dict[str, Outcome] = {}
        self._over: set[int] = set()
        self._ended: dict[str, int] = {}  # operations that the listener was told to be over
        self._again: dict[str, int] = {}  # how many of them a host that was called anew still has to tell again
        self._shards = 0
        self.round_trips: dict[str, int] = {}
        self._died: tuple[type[BaseException], ...] = (CancelledError, *workforce.died)
        workforce.hear(self._heard)

    def call(self, hosts: Iterable[str]) -> None:
        """Nothing: its workers log in, when they are given work."""

    def __enter__(self) -> Distribution:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._workforce.close()

    def run(self, batches: Mapping[str, Batch]) -> Outcomes[tuple[Result, ...]]:
        """Run a batch on each host at once. Ctrl-C is as with a Fleet: once ends what is under way, twice leaves."""
        with self._news:
            for known in (self._outcomes, self._ended, self._again):
                known.clear()
        pending = {self._submit(shard): (shard, 1) for shard in self._cut(batches)}
        try:
            while pending:
                for future in wait(pending, timeout=0.5, return_when=FIRST_COMPLETED).done:
                    shard, tries = pending.pop(future)
                    if rest := self._settled(shard, future, tries):
                        pending[self._submit(rest)] = (rest, tries + 1)
        except KeyboardInterrupt:
            self._listener(events.Note("interrupted: ending the step under way (Ctrl-C again leaves at once)", warning=True))
            self._workforce.interrupt()
            waiting = {future for future in pending if not future.cancel()}
            while waiting:
                waiting = wait(waiting, timeout=0.5).not_done
            raise
        return {host: self._outcomes[host] for host in batches}

    def _cut(self, batches: Mapping[str, Batch]) -> list[Shard]:
        names = list(batches)
        parts = max(min(self._workforce.workers, len(names)), -(-len(names) // MOST_HOSTS))
        return [self._shard(names[number::parts], batches) for number in range(parts)]

    def _shard(self, names: Sequence[str], batches: Mapping[str, Batch]) -> Shard:
        self._shards += 1
        return Shard(
            number=self._shards,
            targets=tuple(self._targets[name] for name in names),
            batches={name: batches[name] for name in names},
            confirmer=self._confirmer,
        )

    def _submit(self, shard: Shard) -> Future[None]:
        return self._workforce.executor.submit(work_on, shard, self._workforce.mailbox)

    def _heard(self, message: Message) -> None:
        with self._news:
            if isinstance(message, Ended):
                self._outcomes.setdefault(message.host, message.outcome)
            elif isinstance(message, Over):
                self._over.add(message.shard)
            if isinstance(message, events.HostConnected | events.BatchEnded):
                self.round_trips[message.host] = self.round_trips.get(message.host, 0) + message.round_trips
            self._news.notify_all()
            if isinstance(message, Ended | Over) or self._told_before(message):
                return
        self._listener(message)

    def _told_before(self, event: events.Event) -> bool:
        """Whether a worker that died told this of the same batch already; the journal of the host tells it again."""
        if isinstance(event, events.HostConnected):
            self._again[event.host] = self._ended.get(event.host, 0)
        elif isinstance(event, events.OperationStarted):
            return event.index < self._ended.get(event.host, 0)
        elif isinstance(event, events.OperationEnded):
            if self._again.get(event.host, 0) > 0:
                self._again[event.host] -= 1
                return True
            self._ended[event.host] = self._ended.get(event.host, 0) + 1
        return False

    def _settled(self, shard: Shard, future: Future[None], tries: int) -> Shard | None:
        """What of a shard is still to be done when its future is: nothing, unless the worker died. Raises what broke there."""
        try:
            future.result()
        except self._died:
            return self._left(shard, tries)
        with self._news:
            self._news.wait_for(lambda: shard.number in self._over, timeout=STRAGGLING)
        return self._left(shard, MOST_TRIES)

    def _left(self, shard: Shard, tries: int) -> Shard | None:
        with self._news:
            left = [target for target in shard.targets if target.name not in self._outcomes]
        if left and tries < MOST_TRIES:
            self._listener(events.Note(f"a worker died; {counted(len(left), 'host')} of it go to another", warning=True))
            self._shards += 1
            return dataclasses.replace(shard, number=self._shards, targets=tuple(left))
        for target in left:
            error = ConnectionFailed(f"the workers that were to do {target.name} died", host=target.name, hint="run the same again")
            self._listener(events.HostEnded(target.name, error.message))
            self._outcomes[target.name] = error
        return None
