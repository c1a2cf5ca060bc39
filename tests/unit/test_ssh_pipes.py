"""The pipe to ssh: a full one is left to ssh for a moment, and one that holds little is never waited for."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator

import pytest

from windlass.hosts.by_openssh import ssh_pipes
from windlass.hosts.by_openssh.ssh_pipes import Outgoing


@pytest.fixture
def sink() -> Iterator[int]:
    ends = os.pipe()
    yield ends[1]
    for end in ends:
        os.close(end)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(ssh_pipes.time, "sleep", pauses.append)
    return pauses


def test_a_full_pipe_is_left_to_ssh_for_a_moment(sink: int, slept: list[float]) -> None:
    one = Outgoing(sink)
    for count, left in ((200_000, 500_000), (16_000, 500_000), (16_000, 1_000)):
        one.after(count, left)

    assert slept == [0.001]


def test_a_pipe_that_cannot_be_widened_is_not_waited_for(sink: int, slept: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(fcntl, "F_SETPIPE_SZ")  # as on a Mac
    Outgoing(sink).after(16_000, 500_000)

    assert slept == []
