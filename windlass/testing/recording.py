"""A host that does nothing and remembers what it was asked; and what roles want of a host, without any."""

from __future__ import annotations

import queue
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from windlass.agent.core import frames
from windlass.flows.catalogue import Catalogue
from windlass.flows.workspace import load_environment
from windlass.hosts.agent.payload import READY, payload
from windlass.hosts.channel import Channel
from windlass.hosts.common.target import Target
from windlass.operations.operation import Operation
from windlass.plans.topology import HostView
from windlass.values import Secret

FACTS: Final = {
    "hostname": "recording", "os": "debian", "os_version": "12", "codename": "bookworm", "machine": "x86_64", "python": "3.11.2",
    "interpreter": "/usr/bin/python3", "cpus": 2, "memory": 2**31, "user_id": 0, "systemd": True, "clock": 0.0,
}  # fmt: skip


def operations_of(project: Path, environment: str, host: str, *, roles: Collection[str] = ()) -> tuple[Operation, ...]:
    """What the roles of a host (only these, if any are named) want of it, in order; no host is called.

    Secrets are made up: `made up: <name>`. Raises InventoryError and UsageError as `setup` would.
    """
    opened, catalogue = load_environment(project, environment), Catalogue(project)
    entry = opened.host(host)
    view = HostView(
        name=entry.name,
        address=entry.address,
        private_address=entry.private_address,
        labels=entry.labels,
        environment=opened,
        secret=lambda name: Secret(f"made up: {name}"),
        template=catalogue.template,
    )
    wanted = [role for role in opened.roles_of(entry) if not roles or role in roles]
    return tuple(operation for role in wanted for operation in catalogue.wanted(role, view, opened.settings(entry, role)))


@dataclass(frozen=True, slots=True)
class Asked:
    """One operation that a host was asked for, as it travelled: its kind (`file.file`), its fields, whether it was only a check."""

    kind: str
    arguments: dict[str, Any]
    check: bool


class RecordingHost:
    """A host behind the real channel that does nothing: everything it is asked is `status`, and in `asked`.

        host = RecordingHost()
        with Fleet([host.target("web1")], opener=host.open) as fleet: …
        assert [each.kind for each in host.asked] == ["file.file"]

    Operations whose data a flow reads get none: what looks before it acts needs a real host.
    """

    def __init__(self, status: str = "changed", facts: dict[str, Any] | None = None) -> None:
        self.asked: list[Asked] = []
        self.status = status
        self.facts = FACTS | (facts or {})

    @staticmethod
    def target(name: str = "recording") -> Target:
        """Something to call it by."""
        return Target(name=name, address="192.0.2.1", user="root")

    def open(self, _target: Target, _command: str) -> _RecordingSession:
        """The opener of a fleet or a channel."""
        return _RecordingSession(self)

    def channel(self, name: str = "recording") -> Channel:
        """A line to it."""
        return Channel(self.target(name), opener=self.open)

    def take(self, body: dict[str, Any]) -> bytes:
        """Remember a batch; the frames that answer it."""
        answer = b""
        for index, operation in enumerate(body["operations"]):
            self.asked.append(Asked(operation["kind"], operation["arguments"], body["check"]))
            answer += frames.encode(frames.START, {"index": index})
            answer += frames.encode(frames.RESULT, {"index": index, "status": self.status, "seconds": 0.0})
        return answer + frames.encode(frames.DONE, {})


class _RecordingSession:
    """The other end of a line: the agent that it is sent is thrown away, frames are answered at once."""

    def __init__(self, host: RecordingHost) -> None:
        self.sent = 0
        self.received = 0
        self._host = host
        self._limit = 60.0
        self._coming = b""
        self._skip = len(payload())  # bytes of the agent's program that are still to come
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def send(self, data: bytes | bytearray) -> None:
        self.sent += len(data)
        self._coming += data
        if self._skip > 0:
            taken = min(self._skip, len(self._coming))
            self._skip, self._coming = self._skip - taken, self._coming[taken:]
            if not self._skip:
                self._answers.put(READY + frames.encode(frames.HELLO, self._host.facts))
        if not self._skip:
            self._take_frames()

    def _take_frames(self) -> None:
        while len(self._coming) >= 5 and len(self._coming) >= 5 + int.from_bytes(self._coming[:4], "big"):
            end = 5 + int.from_bytes(self._coming[:4], "big")
            kind, body, self._coming = self._coming[4:5], self._coming[5:end], self._coming[end:]
            if kind == frames.CALL:
                self._answers.put(self._host.take(frames.decode(body)))
            elif kind == frames.PING:
                self._answers.put(frames.encode(frames.PING, {}))

    def receive(self, _most: int) -> bytes:
        try:
            data = self._answers.get(timeout=self._limit)
        except queue.Empty:
            raise TimeoutError from None
        self.received += len(data)
        return data

    def wait_at_most(self, seconds: float) -> None:
        self._limit = seconds

    def errors(self) -> str:
        return ""

    def close(self) -> None:
        self._answers.put(b"")
