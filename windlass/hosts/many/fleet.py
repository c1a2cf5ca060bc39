"""Many hosts at once: a thread per host, one connection each for the whole run, results and failures per host."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any, TypeVar

from windlass import events
from windlass.errors import ConnectionFailed, HostError
from windlass.hosts import rebooting
from windlass.hosts.agent.results import Result
from windlass.hosts.channel import Channel, Confirmer, nobody_confirms, prepare
from windlass.hosts.common.descriptors import make_room
from windlass.hosts.common.session import Opener
from windlass.hosts.common.target import Target
from windlass.hosts.line import AgentGone
from windlass.hosts.many import head_start
from windlass.hosts.opening import open_over_ssh
from windlass.operations.operation import Operation
from windlass.operations.wire import Batch

PING_EVERY = 5.0  # seconds
PING_PATIENCE = 0.05  # seconds that the others wait for the ping of a host that takes nothing any more
PARTING = 2.0  # seconds for a goodbye
MOST_THREADS = (
    256  # hosts of one process at once: what a host does for minutes must not wait for its turn; more are for `--workers`
)

Value = TypeVar("Value")
Outcomes = dict[str, Value | HostError]


class Fleet:
    """Hosts that are worked on together. Connections open when a host is first used and stay until the fleet is left.

    A host that fails does not stop the others: its entry in the outcomes is the error. Raises UsageError when this process may not
    open as many files as the hosts need.
    """

    def __init__(
        self,
        targets: Iterable[Target],
        listener: events.Listener = events.nobody,
        opener: Opener = open_over_ssh,
        confirmer: Confirmer = nobody_confirms,
    ) -> None:
        self.targets = {target.name: target for target in targets}
        make_room(self.targets.values())
        self._listener = listener
        self._opener = opener
        self._confirmer = confirmer
        self._channels: dict[str, Channel] = {}
        self._called: dict[str, Future[Channel]] = {}
        self._pool = ThreadPoolExecutor(max(1, min(MOST_THREADS, len(self.targets))), thread_name_prefix="host")
        self._pings = ThreadPoolExecutor(len(self.targets) + 1, thread_name_prefix="ping")
        self._pinging: Future[None] | None = None
        self._opening = threading.Lock()
        self._stop = threading.Event()
        self._ending = threading.Event()

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        for channel in list(self._channels.values()):
            with contextlib.suppress(HostError):
                channel.close()
        self._pings.shutdown(wait=False, cancel_futures=True)
        self._pool.shutdown(wait=kind is None, cancel_futures=True)

    @property
    def round_trips(self) -> dict[str, int]:
        """How often each host was waited for."""
        return {name: channel.round_trips for name, channel in self._channels.items()}

    def call(self, hosts: Iterable[str]) -> None:
        """Begin to log in on these hosts. Whoever needs one waits for it, and hears what went wrong."""
        for host in hosts:
            if host not in self._channels:
                self._called[host] = self._pool.submit(self._opened, host)

    def channel(self, host: str) -> Channel:
        """The line to one host, opened if it is not yet. Raises ConnectionFailed or AgentFailed."""
        called = self._called.pop(host, None)
        if called is not None:
            return called.result()
        return self._channels.get(host) or self._opened(host)

    def _opened(self, host: str) -> Channel:
        target = self.targets[host]
        begun = head_start.started(target) if self._opener is open_over_ssh else None
        channel = self._channels[host] = Channel(target, self._listener, self._opener, self._confirmer, begun)
        self._keep_pinging()
        if self._ending.is_set():
            raise _not_begun(host)
        if self._stop.is_set():  # called, and then not needed
            channel.close()
        return channel

    def connect(self, hosts: Iterable[str] | None = None) -> Outcomes[Channel]:
        """Open the lines to these hosts (all if None) at once."""
        return self.each(hosts if hosts is not None else self.targets, self.channel)

    def run(self, batches: Mapping[str, Batch]) -> Outcomes[tuple[Result, ...]]:
        """Run a batch on each host at once."""
        for batch in {id(each): each for each in batches.values()}.values():
            prepare(batch)
        return self.each(batches, lambda host: self.run_one(host, batches[host]))

    def run_one(self, host: str, batch: Batch) -> tuple[Result, ...]:
        """Run a batch on one host, called if it was not yet. Raises HostError."""
        try:
            results = self._journaled(host, batch)
        except HostError as error:
            self._listener(events.HostEnded(host, error.message))
            raise
        self._listener(events.HostEnded(host))
        return results

    def cancel(self) -> None:
        """What Ctrl-C does, from another thread: hosts end the step under way, and none begins any more."""
        self._ending.set()
        self._tell_to_end()

    def leave(self) -> None:
        """Say goodbye to all hosts at once, from another thread: they finish what they are at, and wait for nobody."""
        self._ending.set()
        partings = [threading.Thread(target=channel.abandon, daemon=True) for channel in list(self._channels.values())]
        for parting in partings:
            parting.start()
        for parting in partings:
            parting.join(PARTING)

    def _journaled(self, host: str, batch: Batch) -> tuple[Result, ...]:
        """Where the host knows what is done, an agent that died is followed by another, once: it does the rest."""
        try:
            return rebooting.run(self._line(host), batch)
        except AgentGone as error:
            told = self._channels[host].told
            if not batch.journal or self._ending.is_set():
                raise
            self.drop(host)
            self._listener(events.Note(f"{error.message}; another one goes on with what is not done", host, warning=True))
            self.channel(host).told_before = told
            return rebooting.run(self._line(host), batch)

    def _line(self, host: str) -> rebooting.Line:
        """The way to a host that may reboot in the middle of its batch."""
        return rebooting.Line(host, lambda: self.channel(host), lambda: self.drop(host), self._ending, self._listener)

    def run_same(self, hosts: Iterable[str], operations: Iterable[Operation]) -> Outcomes[tuple[Result, ...]]:
        """Run the same operations on each of these hosts."""
        batch = Batch(tuple(operations))
        return self.run(dict.fromkeys(hosts, batch))

    def each(self, hosts: Iterable[str], work: Callable[[str], Value]) -> Outcomes[Value]:
        """Do something with each host at once; the outcome is its value or its error. Other exceptions go through.

        Ctrl-C asks the hosts to end what they are at, waits for that, and raises KeyboardInterrupt; a second one leaves at once.
        """
        if self._ending.is_set():  # a second Ctrl-C: all threads may still be at hosts that do not answer
            return {host: _not_begun(host) for host in hosts}
        futures: dict[str, Future[Value]] = {}
        all_told, given_up = threading.Event(), threading.Event()

        def begin(host: str) -> Value:
            all_told.wait()  # so that a Ctrl-C finds either nothing begun or every host known
            if given_up.is_set() or self._ending.is_set():
                raise _not_begun(host)
            return work(host)

        try:
            for host in hosts:
                futures[host] = self._pool.submit(begin, host)
            all_told.set()
            self._wait(futures.values())
        except KeyboardInterrupt:
            if not all_told.is_set():
                given_up.set()
                all_told.set()
            self._ending.set()
            self._listener(events.Note("interrupted: ending the step under way (Ctrl-C again leaves at once)", warning=True))
            self._end(futures.values())
            self._ending.clear()  # what is taken back now needs the hosts
            raise
        return {host: _outcome(future) for host, future in futures.items()}

    def _wait(self, futures: Iterable[Future[Any]]) -> None:
        """Wait for all, in slices: a Ctrl-C that arrives just before a long wait begins would not be noticed during it."""
        waiting = set(futures)
        while waiting:
            waiting = wait(waiting, timeout=0.5).not_done
            if self._ending.is_set():
                self._tell_to_end()

    def _tell_to_end(self) -> None:
        for channel in list(self._channels.values()):
            channel.cancel()

    def drop(self, host: str) -> None:
        """Hang up on a host at once; it is called anew when it is next used."""
        channel = self._channels.pop(host, None)
        if channel is not None:
            channel.abandon()

    def call_anew(self) -> bool:
        """Let go of the hosts that are there and whose agent is not, as after a reboot: whoever needs one is logged in on it.
        Whether there were any."""
        gone = [host for host, channel in self._channels.items() if channel.is_without_agent]
        for host in gone:
            self.drop(host)
        return bool(gone)

    def _end(self, futures: Iterable[Future[Any]]) -> None:
        """Hosts that wait for their turn do not get it; those at work are asked again and again: some are only just beginning.

        It is another thread that asks them: a second Ctrl-C would tear what this one is sending, and the goodbye would not arrive.
        """
        waiting = {future for future in futures if not future.cancel()}
        over = threading.Event()
        asking = threading.Thread(target=self._ask_to_end, args=(over,), name="end it", daemon=True)
        try:
            asking.start()
            while waiting:
                waiting = wait(waiting, timeout=0.5).not_done
        finally:
            over.set()
        asking.join()  # or what comes next would be ended, too

    def _ask_to_end(self, over: threading.Event) -> None:
        while not over.is_set():
            self._tell_to_end()
            over.wait(0.5)

    def _keep_pinging(self) -> None:
        with self._opening:
            if self._pinging is None and not self._stop.is_set():
                self._pinging = self._pings.submit(self._ping_in_turn)

    def _ping_in_turn(self) -> None:
        """One thread for all lines. A host that takes nothing any more keeps the thread of its ping; the next has another."""
        stuck: dict[Channel, Future[None]] = {}
        while not self._stop.wait(PING_EVERY):
            for channel in list(self._channels.values()):
                if channel in stuck and not stuck[channel].done():
                    continue
                if channel.is_open and not self._stop.is_set():
                    stuck[channel] = self._pings.submit(channel.ping)
                    wait([stuck[channel]], timeout=PING_PATIENCE)


def _outcome(future: Future[Any]) -> Any:
    """Its value, or the error of its host. Raises whatever else broke there."""
    try:
        return future.result()
    except HostError as error:
        return error


def _not_begun(host: str) -> ConnectionFailed:
    return ConnectionFailed(f"nothing was begun on {host}: interrupted", host=host)


def errors_of(outcomes: Mapping[str, object]) -> dict[str, HostError]:
    """The hosts that failed, with their errors."""
    return {host: outcome for host, outcome in outcomes.items() if isinstance(outcome, HostError)}
