"""The real agent as a child of this process, spoken to over pipes as over SSH: everything of the engine is real but the wire."""

from __future__ import annotations

import os
import select
import subprocess

from windlass.hosts.channel import Channel
from windlass.hosts.common.target import Target


class LocalSession:
    """A session (see windlass.hosts.common.session) whose command is run by a local shell."""

    def __init__(self, _target: Target, command: str) -> None:
        self.sent = 0
        self.received = 0
        self._limit = 60.0
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )

    def send(self, data: bytes | bytearray) -> None:
        assert self.process.stdin is not None
        view = memoryview(data)
        while view:
            view = view[self.process.stdin.write(view) :]
        self.sent += len(data)

    def receive(self, most: int) -> bytes:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], self._limit)
        if not ready:
            raise TimeoutError
        data = os.read(self.process.stdout.fileno(), most)
        self.received += len(data)
        return data

    def wait_at_most(self, seconds: float) -> None:
        self._limit = seconds

    def errors(self) -> str:
        assert self.process.stderr is not None
        ready, _, _ = select.select([self.process.stderr], [], [], 0)
        return os.read(self.process.stderr.fileno(), 65536).decode() if ready else ""

    def close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe
            pipe.close()
        self.process.wait(60)


def local_channel() -> Channel:
    """The agent on this machine, as whoever runs the tests."""
    return Channel(Target(name="here", address="127.0.0.1", sudo=False), opener=LocalSession)
