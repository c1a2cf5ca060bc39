"""A run's books: what each host was asked, what came of it, and where its time went. Folded from events."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from operator import attrgetter

from windlass import events

CHANGED = ("changed", "unknown")


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation on one host that is over."""

    title: str
    status: str
    seconds: float
    summary: str = ""
    last_lines: tuple[str, ...] = ()


@dataclass(slots=True)
class HostBooks:
    """One host. Seconds: `connecting` until it said hello, `batches` from sending one to its last result."""

    name: str
    connecting: float = 0.0
    batches: float = 0.0
    round_trips: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    message: str = ""
    failed: bool = False
    entries: list[Entry] = field(default_factory=list)

    @property
    def working(self) -> float:
        """What the operations themselves took."""
        return sum([entry.seconds for entry in self.entries])

    @property
    def waiting(self) -> float:
        """On the way, in queues, and in the agent between two operations."""
        return max(0.0, self.batches - self.working)

    def count(self, *statuses: str) -> int:
        found = [entry.status for entry in self.entries]
        return sum(map(found.count, statuses))

    @property
    def status(self) -> str:
        if self.failed or self.count("failed"):
            return "failed"
        return "changed" if self.count(*CHANGED) else "ok"

    def slowest(self, most: int) -> list[Entry]:
        """The operations that took longest, the longest first."""
        return sorted([entry for entry in self.entries if entry.seconds > 0], key=attrgetter("seconds"), reverse=True)[:most]

    def count_traffic(self, round_trips: int, sent: int, received: int) -> None:
        self.round_trips += round_trips
        self.bytes_sent += sent
        self.bytes_received += received


class Ledger:
    """A listener that keeps books. Events may come from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.hosts: dict[str, HostBooks] = {}

    def host(self, name: str) -> HostBooks:
        """The books of a host, begun if there are none."""
        if name not in self.hosts:
            self.hosts[name] = HostBooks(name)
        return self.hosts[name]

    def tell(self, name: str, message: str, *, failed: bool = False) -> None:
        """What is true of a host at the end, where its own events did not say."""
        with self._lock:
            host = self.host(name)
            host.failed = host.failed or failed
            host.message = host.message or message

    def in_order(self) -> list[HostBooks]:
        """All hosts by name."""
        with self._lock:
            return sorted(self.hosts.values(), key=lambda host: host.name)

    def __call__(self, event: events.Event) -> None:
        with self._lock:
            match event:
                case events.StepStarted():
                    for name in event.hosts:
                        self.host(name)
                case events.HostConnected():
                    host = self.host(event.host)
                    host.connecting += event.seconds
                    host.count_traffic(event.round_trips, event.bytes_sent, event.bytes_received)
                case events.BatchEnded():
                    host = self.host(event.host)
                    host.batches += event.seconds
                    host.count_traffic(event.round_trips, event.bytes_sent, event.bytes_received)
                case events.OperationEnded():
                    entry = Entry(event.title, event.status, event.seconds, event.summary, event.last_lines)
                    self.host(event.host).entries.append(entry)
                case events.HostEnded() if event.failed:
                    host = self.host(event.host)
                    host.failed, host.message = True, event.failed
