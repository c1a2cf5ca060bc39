"""Many hosts at once: a stuck one, more hosts than threads, Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from windlass import events
from windlass.agent.core import frames
from windlass.hosts.agent import payload
from windlass.hosts.common.target import Target
from windlass.hosts.many import fleet
from windlass.hosts.many.fleet import Fleet
from windlass.operations.command import Run
from windlass.operations.file import File
from windlass.operations.wire import Batch
from windlass.testing.local import LocalSession

A, B = (Target(name=name, address="127.0.0.1", sudo=False) for name in "ab")


class Stuck(LocalSession):
    """A line that takes no more bytes once `full` is set, until `free` is."""

    def __init__(self, target: Target, command: str) -> None:
        super().__init__(target, command)
        self.full = threading.Event()
        self.waits = threading.Event()
        self.free = threading.Event()

    def send(self, data: bytes | bytearray) -> None:
        if self.full.is_set():
            self.waits.set()
            self.free.wait()
        super().send(data)


@pytest.fixture
def stuck() -> Iterator[dict[str, Stuck]]:
    sessions: dict[str, Stuck] = {}
    yield sessions
    for session in sessions.values():
        session.free.set()


def test_a_host_that_takes_nothing_keeps_no_other_from_being_pinged(
    stuck: dict[str, Stuck], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "PING_EVERY", 0.02)

    def opener(target: Target, command: str) -> Stuck:
        stuck[target.name] = Stuck(target, command)
        return stuck[target.name]

    with Fleet([A, B], opener=opener) as both:
        both.connect()
        stuck["a"].full.set()
        assert stuck["a"].waits.wait(120)
        heard, deadline = stuck["b"].sent, time.monotonic() + 120
        while stuck["b"].sent < heard + 50 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert stuck["b"].sent >= heard + 50
        stuck["a"].free.set()


def test_ctrl_c_ends_what_runs_and_starts_no_host_that_waits_for_a_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "MOST_THREADS", 1)
    monkeypatch.setattr(fleet, "PING_EVERY", 0.05)
    gate, first, second = tmp_path / "gate", tmp_path / "first", tmp_path / "second"

    def told(event: events.Event) -> None:
        if isinstance(event, events.OperationStarted) and event.index == 0:
            os.kill(os.getpid(), signal.SIGINT)

    class Cancelled(LocalSession):
        told = sys.maxsize  # bytes of frames, the cancel the last of them

        def send(self, data: bytes | bytearray) -> None:
            super().send(data)
            if data[4:5] == frames.CANCEL:
                self.told = min(self.told, self.sent - len(payload.payload()))

        def receive(self, most: int) -> bytes:
            data = super().receive(most)
            if any(int(heard) >= self.told for heard in re.findall(rb'P{"heard":(\d+)}', data)):
                gate.touch()
            return data

    waits = Run(command=f"while ! test -e {gate}; do sleep 0.5; done")
    batches = {
        "a": Batch((waits, File(path=str(first), content="", owner="", group=""))),
        "b": Batch((File(path=str(second), content="", owner="", group=""),)),
    }

    with Fleet([A, B], told, opener=Cancelled) as both, pytest.raises(KeyboardInterrupt):
        both.run(batches)

    assert not first.exists()
    assert not second.exists()


def test_ctrl_c_while_a_host_connects_begins_nothing_there_and_leaves_it_usable(tmp_path: Path) -> None:
    noted, begun = threading.Event(), tmp_path / "begun"

    def told(event: events.Event) -> None:
        if isinstance(event, events.Note):
            noted.set()

    def slowly(target: Target, command: str) -> LocalSession:
        os.kill(os.getpid(), signal.SIGINT)
        assert noted.wait(120)
        return LocalSession(target, command)

    batch = Batch((File(path=str(begun), content="", owner="", group=""),))
    with Fleet([A], told, opener=slowly) as one:
        with pytest.raises(KeyboardInterrupt):
            one.run({"a": batch})
        assert not begun.exists()

        one.run({"a": batch})
        assert begun.exists()
