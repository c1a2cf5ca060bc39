"""Two hosts for all that breaks; they are booted once for the whole folder."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.chaos.controllers import Invoke, controller
from tests.lab.conftest import TestHost, _silent, lab_hosts
from tests.waiting import until
from windlass import events, lab
from windlass.hosts import line
from windlass.hosts.common.target import Target, Transport
from windlass.hosts.many import fleet
from windlass.testing.lab import _target

NAME = "chaos"
SILENCE = 8.0  # seconds after which a host counts as gone, in place of half a minute


@pytest.fixture(scope="session")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[lab.Lab]:
    root = tmp_path_factory.mktemp("labs")
    try:
        yield lab.up(lab.LabSpec(NAME, (lab.HostSpec("broken"), lab.HostSpec("other"))), root=root, say=_silent)
    finally:
        lab.down(NAME, root=root, say=_silent)


@pytest.fixture(scope="session")
def pair(laboratory: lab.Lab) -> dict[str, TestHost]:
    """By Paramiko, or by what `WINDLASS_TEST_TRANSPORT` names: all that breaks has the same outcome every way."""
    transport = cast("Transport", os.environ.get("WINDLASS_TEST_TRANSPORT", "paramiko"))
    targets = {
        name: dataclasses.replace(_target(laboratory, name), transport=transport, warm_seconds=0) for name in laboratory.hosts
    }
    return {name: TestHost(targets[name], host) for name, host in laboratory.hosts.items()}


@pytest.fixture
def hosts(pair: dict[str, TestHost]) -> dict[str, TestHost]:
    """The pair, with nothing left of the test before."""
    for host in pair.values():
        host.shell("rm -rf /root/chaos; mkdir -p /root/chaos")
    return pair


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience as it is, only shorter; on a busy machine a host may need seconds for its first word, too."""
    monkeypatch.setattr(line, "SILENCE_LIMIT", SILENCE)
    monkeypatch.setattr(fleet, "PING_EVERY", 0.3)


@pytest.fixture
def invoke(hosts: dict[str, TestHost], tmp_path: Path) -> Invoke:
    """Begins `setup` of both hosts, each time that it is called."""
    return controller(hosts, tmp_path)


def waiting(host: TestHost, seconds: float) -> Target:
    """The way to a host whose agent waits so long for a controller that it lost."""
    return dataclasses.replace(host.target, grace_seconds=seconds)


class Heard:
    """The events of a run. `upon(host, deed)` does something when that host begins its first operation."""

    def __init__(self) -> None:
        self.events: list[events.Event] = []
        self._deeds: dict[str, Callable[[], object]] = {}

    def upon(self, host: str, deed: Callable[[], object]) -> None:
        self._deeds[host] = deed

    def __call__(self, event: events.Event) -> None:
        self.events.append(event)
        if isinstance(event, events.OperationStarted) and (deed := self._deeds.pop(event.host, None)):
            deed()

    def notes(self, host: str) -> list[str]:
        return [event.text for event in self.events if isinstance(event, events.Note) and event.host == host]

    def ended(self, host: str) -> list[str]:
        """What was told of that host's operations."""
        return [event.status for event in self.events if isinstance(event, events.OperationEnded) and event.host == host]


def agents(host: TestHost) -> list[str]:
    """The agents and ways back to them that run on a host."""
    return host.shell("pgrep -af 'windlass for' | grep -v pgrep || true").splitlines()


def lines(host: TestHost, name: str) -> list[str]:
    """What was appended to a file of the test's folder, a line for each time."""
    return host.shell(f"cat /root/chaos/{name} 2>/dev/null || true").split()


def until_they_wait(hosts: dict[str, TestHost]) -> None:
    """Until the operation is under way on both that waits to be let go."""
    until(lambda: all(lines(host, "ran") == ["one", "two"] for host in hosts.values()))


def let_go(hosts: dict[str, TestHost]) -> None:
    """Have both go on."""
    for host in hosts.values():
        host.shell("touch /root/chaos/go")


__all__ = ["SILENCE", "Heard", "agents", "lab_hosts", "let_go", "lines", "until_they_wait", "waiting"]
