"""Hosts behind a proxy that holds every byte back and counts how often a client waits for an answer."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from benchmarks.peers.ground import ROOT, At, Ground

NEAR = 5  # milliseconds: enough for what was sent in one go to arrive in one go, so that turns can be counted


@dataclass(frozen=True, slots=True)
class Distant:
    """Hosts behind the proxy, and the proxy."""

    places: tuple[At, ...]
    process: subprocess.Popen[str]

    def flights(self) -> float:
        """Turns of the flow since the last call, for a host on average."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        counts = [int(word.rpartition("=")[2]) for word in self.process.stdout.readline().split()]
        return round(sum(counts) / len(self.places), 1)


@contextlib.contextmanager
def far_away(ground: Ground, hosts: Sequence[At], milliseconds: int) -> Iterator[Distant]:
    """These hosts at a round trip of so many milliseconds for as long as the block lasts."""
    ports = _free_ports(len(hosts))
    places = tuple(replace(at, address="127.0.0.1", port=port) for at, port in zip(hosts, ports, strict=True))
    with _behind(places, hosts, milliseconds) as distant:
        ground.know((*ground.hosts, *places))
        try:
            yield distant
        finally:
            ground.know(ground.hosts)


@contextlib.contextmanager
def at_own_addresses(hosts: Sequence[At], milliseconds: int) -> Iterator[Distant]:
    """The same for clients that are told no port: each host has an address of its own. Raises OSError where one is taken."""
    places = tuple(replace(at, address=f"127.77.0.{number + 1}") for number, at in enumerate(hosts))
    with _behind(places, hosts, milliseconds) as distant:
        yield distant


@contextlib.contextmanager
def _behind(places: tuple[At, ...], hosts: Sequence[At], milliseconds: int) -> Iterator[Distant]:
    lines = [f"{near.address}:{near.port}:{at.address}:{at.port}" for near, at in zip(places, hosts, strict=True)]
    command = [sys.executable, "-m", "benchmarks.peers.proxy", str(milliseconds), *lines]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        if not process.stdout.readline():
            raise OSError("the proxy cannot listen")
        yield Distant(places, process)
    finally:
        process.kill()
        process.wait()


def _free_ports(count: int) -> list[int]:
    """All held at once, so that no two are the same."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
