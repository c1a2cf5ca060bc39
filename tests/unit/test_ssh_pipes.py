"""The pipes to and from ssh: whatever gathers in them is all there, and a pipe that holds little is never waited for."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator

import pytest

from windlass.hosts import ssh_pipes
from windlass.hosts.ssh_pipes import Incoming, Outgoing


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(ssh_pipes.time, "sleep", pauses.append)
    return pauses


def incoming(pipe: tuple[int, int], counts: list[int]) -> None:
    """As if so many bytes had come, time after time."""
    one = Incoming(pipe[0])
    for count in counts:
        one.after(count)
        one.before()


@pytest.mark.parametrize(
    ("counts", "pauses"),
    [
        pytest.param([100, 5_000], [], id="words"),
        pytest.param([32_000] * 5, [0.001, 0.002, 0.004, 0.008, 0.008], id="slow content"),
        pytest.param([32_000, 100_000, 32_000], [0.001, 0.001], id="quick content"),
        pytest.param([32_000, 32_000, 10, 10], [0.001, 0.002], id="its end"),
    ],
)
def test_content_gathers_the_longer_the_slower_it_comes(
    pipe: tuple[int, int], slept: list[float], counts: list[int], pauses: list[float]
) -> None:
    incoming(pipe, counts)

    assert slept == pauses


def test_a_full_pipe_is_left_to_ssh_for_a_moment(pipe: tuple[int, int], slept: list[float]) -> None:
    one = Outgoing(pipe[1])
    for count, left in ((200_000, 500_000), (16_000, 500_000), (16_000, 1_000)):
        one.after(count, left)

    assert slept == [0.001]


def test_a_pipe_that_cannot_be_widened_is_not_waited_for(
    pipe: tuple[int, int], slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(fcntl, "F_SETPIPE_SZ")  # as on a Mac
    incoming(pipe, [32_000] * 3)
    Outgoing(pipe[1]).after(16_000, 500_000)

    assert slept == []
