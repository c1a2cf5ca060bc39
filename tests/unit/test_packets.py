"""Content in SSH packets of our own making, read by Paramiko at the other end: whatever was agreed on, it arrives as it was."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import paramiko
import pytest

from windlass.hosts.by_paramiko.packets import Packets, send_content
from windlass.hosts.by_paramiko.tuning import make_transport

SIZE = 3_000_001  # of the content: more than the window, and no whole number of packets
Prepare = Callable[[paramiko.Transport], None]


class Server(paramiko.ServerInterface):
    """Lets everybody in."""

    def check_auth_none(self, _username: str) -> int:
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, _kind: str, _chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


class Pair:
    """A client and a server, once `prepare` has had its way with both."""

    def __init__(self, prepare: Prepare) -> None:
        with socket.create_server(("127.0.0.1", 0)) as door:
            ours = socket.create_connection(door.getsockname())
            theirs = door.accept()[0]
        self.server: Any = paramiko.Transport(theirs)
        self.server.add_server_key(paramiko.ECDSAKey.generate())
        prepare(self.server)
        self.server.start_server(event=threading.Event(), server=Server())
        self.client: Any = make_transport(ours)
        prepare(self.client)
        self.client.start_client()
        self.client.auth_none("somebody")
        self.channel = self.client.open_session()
        self.far = self.server.accept(60)

    def carried(self, content: bytes) -> bytes:
        """The content as it arrives."""
        got = bytearray()
        reader = threading.Thread(target=self._read, args=(got, len(content)))
        reader.start()
        self.send(memoryview(content))
        reader.join(60)
        return bytes(got)

    def send(self, content: memoryview) -> None:
        while content:
            content = content[send_content(self.channel, content) :]

    def _read(self, got: bytearray, length: int) -> None:
        while len(got) < length:
            got += self.far.recv(1 << 16)


@pytest.fixture
def paired() -> Iterator[Callable[[Prepare], Pair]]:
    pairs: list[Pair] = []

    def make(prepare: Prepare) -> Pair:
        pairs.append(Pair(prepare))
        return pairs[-1]

    yield make
    for pair in pairs:
        pair.client.close()
        pair.server.close()


def as_it_is(_transport: paramiko.Transport) -> None:
    """Nothing is changed."""


def other_cipher(transport: paramiko.Transport) -> None:
    transport.get_security_options().ciphers = ("aes128-ctr",)


def compressed(transport: paramiko.Transport) -> None:
    transport.use_compression()


@pytest.mark.parametrize(("prepare", "is_ours"), [(as_it_is, True), (other_cipher, False), (compressed, False)])
def test_content_arrives_whatever_was_agreed_on(paired: Callable[[Prepare], Pair], prepare: Prepare, *, is_ours: bool) -> None:
    pair = paired(prepare)
    content = os.urandom(SIZE)

    assert isinstance(pair.client.packetizer, Packets)
    assert pair.client.packetizer.takes_content == is_ours
    assert pair.carried(content) == content
    assert pair.carried(b"a few bytes") == b"a few bytes"


def test_content_goes_on_under_new_keys(paired: Callable[[Prepare], Pair]) -> None:
    pair = paired(as_it_is)
    pair.client.packetizer.REKEY_BYTES = 1_000_000
    content = os.urandom(SIZE)

    assert pair.carried(content) == content
    assert pair.carried(content) == content
    assert pair.client.session_id != pair.client.H, "the exchange of the first keys gave the session its name"


def test_a_closed_channel_takes_nothing(paired: Callable[[Prepare], Pair]) -> None:
    pair = paired(as_it_is)
    pair.channel.close()

    with pytest.raises(OSError, match="closed"):
        send_content(pair.channel, memoryview(bytes(SIZE)))


def test_who_finds_no_room_waits_no_longer_than_it_may(paired: Callable[[Prepare], Pair]) -> None:
    pair = paired(as_it_is)
    pair.channel.settimeout(0.1)
    content = memoryview(bytes(SIZE * 2))

    with pytest.raises(TimeoutError):  # nobody reads at the other end
        pair.send(content)
