"""What is left out of Paramiko's logins changes nothing about them: a first packet that is late is noticed, names stay apart."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import paramiko
import pytest

from windlass.hosts.by_paramiko import connection, tuning
from windlass.hosts.by_paramiko.quick_login import QuickPackets, QuickTransport
from windlass.hosts.common.target import Target


@pytest.fixture
def packets() -> Iterator[QuickPackets]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield QuickPackets(ours)


def test_a_first_packet_that_does_not_come_is_late_and_one_that_came_never_is(packets: QuickPackets) -> None:
    assert not packets.handshake_timed_out()
    packets.start_handshake(-1.0)
    assert packets.handshake_timed_out()
    with pytest.raises(EOFError):
        packets.read_all(1)

    packets.complete_handshake()

    assert not packets.handshake_timed_out()


def test_a_first_packet_has_its_time(packets: QuickPackets) -> None:
    packets.start_handshake(3600.0)

    assert not packets.handshake_timed_out()


def test_what_sshd_says_of_its_own_work_still_has_paramikos_name() -> None:
    assert callable(paramiko.Transport._parse_debug)  # type: ignore[attr-defined]  # else it would be made ready again
    assert QuickTransport._parse_debug is not paramiko.Transport._parse_debug  # type: ignore[attr-defined]


def test_a_login_looks_up_seldom_and_not_never() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        tuning.make_transport(ours)

        assert ours.gettimeout() == tuning.LOGIN_TICK


def test_what_is_set_on_a_connection_is_its_own() -> None:
    one, other = (connection._fabric_connection(Target(name=name, address="192.0.2.1", user="iris")) for name in ("one", "other"))

    one.forward_agent, one.something = True, "new"

    assert one.something == "new"
    assert not other.forward_agent
    assert "something" not in one.config
    assert not hasattr(other, "something")
