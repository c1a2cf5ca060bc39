"""The scanner on this machine's loopback: what listens is found, in both families, and nothing else."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from windlass.agent.core import scanner
from windlass.operations.scan import Scan
from windlass.operations.wire import Batch
from windlass.testing.local import local_channel

HERE = "127.0.0.1"


@contextlib.contextmanager
def bound(address: str, count: int, *, listening: bool = True) -> Iterator[list[int]]:
    """Ports that nobody else on this machine has meanwhile; without `listening` they refuse whoever calls."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(family, socket.SOCK_STREAM)) for _ in range(count)]
        for each in sockets:
            each.bind((address, 0))
            if listening:
                each.listen(16)
        yield sorted(each.getsockname()[1] for each in sockets)


def test_all_65535_ports_are_tried_and_those_that_listen_are_found() -> None:
    with bound(HERE, 5) as ports, bound(HERE, 5, listening=False) as others:
        found = scanner.scan(HERE, range(1, 65536), 2.0)

    assert set(ports) <= set(found)
    assert not set(others) & set(found)


@pytest.mark.parametrize("address", [HERE, "::1"])
def test_in_both_families_only_those_that_listen_are_found(address: str) -> None:
    with bound(address, 5) as ports, bound(address, 5, listening=False) as others:
        assert scanner.scan(address, sorted([*ports, *others]), 5.0) == ports


def test_a_port_that_never_answers_is_given_up() -> None:
    """A listener whose queue is full lets nobody in: neither accepted nor refused."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        for _ in range(8):
            tried = stack.enter_context(socket.socket())
            tried.settimeout(0)
            tried.connect_ex(("127.0.0.1", port))

        assert scanner.scan("127.0.0.1", [port], 0.5) == []


def test_an_agent_scans_for_us() -> None:
    channel = local_channel()
    with bound(HERE, 3) as ports:
        (result,) = channel.run(Batch((Scan(addresses=("127.0.0.1",), first=ports[0], last=ports[-1], limit_seconds=2.0),)))
    channel.close()

    (seen,) = result.data["scans"]
    assert (seen["address"], seen["source"], seen["error"]) == ("127.0.0.1", "127.0.0.1", "")
    assert set(ports) <= set(seen["open"])
