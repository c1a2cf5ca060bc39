"""Servers that stall before they let anybody in: every way gives up when `connect_seconds` says so, and all in the same words."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko
import pytest

from windlass.errors import ConnectionFailed
from windlass.hosts.by_libssh2 import libssh2
from windlass.hosts.by_openssh import openssh
from windlass.hosts.by_openssh.ssh_login import without_its_own
from windlass.hosts.by_paramiko import connection, tuning
from windlass.hosts.by_paramiko.quick_login import Stalled
from windlass.hosts.common.session import START_LIMIT, NotLetIn
from windlass.hosts.common.target import Target

WAYS = {"paramiko": connection.open_session, "openssh": openssh.open_session, "libssh2": libssh2.open_session}
GREETING = b"SSH-2.0-OpenSSH_9.2\r\n"
METHODS = (
    "curve25519-sha256,curve25519-sha256@libssh.org",
    "ecdsa-sha2-nistp256",
    *["aes128-gcm@openssh.com,aes128-ctr"] * 2,
    *["hmac-sha2-256"] * 2,
    *["none"] * 2,
    *[""] * 2,
)
PROOF = "in the proof of who we are"
SILENT = "takes the connection, but no SSH server answers"
STALLED = "speaks SSH, but stopped before it had let us in (1 s)"


def methods() -> bytes:
    """The packet that begins the exchange of keys: RFC 4253, 7.1, in a packet of section 6."""
    lists = b"".join(struct.pack(">I", len(each)) + each.encode() for each in METHODS)
    payload = b"\x14" + os.urandom(16) + lists + b"\0" * 5
    padding = 8 - (len(payload) + 5) % 8 + 8
    return struct.pack(">IB", 1 + len(payload) + padding, padding) + payload + b"\0" * padding


class Server:
    """A port behind which each connection gets what `serve` gives it, and then nothing more until the end of the tests."""

    def __init__(self, over: threading.Event, said: bytes, key: paramiko.ECDSAKey | None = None) -> None:
        self._over = over
        self._said = said
        self._key = key
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port: int = self._listening.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                came = self._listening.accept()[0]
                self._open.append(came)
                if self._key:
                    server = paramiko.Transport(came)
                    server.add_server_key(self._key)
                    server.start_server(threading.Event(), Undecided(self._over))
                came.sendall(self._said)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)  # which ends the wait for one more: to close it alone would not
        self._accepting.join()  # or it could take in somebody whom nobody lets go
        for each in (self._listening, *self._open):
            each.close()


class Undecided(paramiko.ServerInterface):
    """Neither takes a key nor refuses it."""

    def __init__(self, over: threading.Event) -> None:
        self._over = over

    def get_allowed_auths(self, _username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, _username: str, _key: paramiko.PKey) -> int:
        self._over.wait()
        return paramiko.AUTH_FAILED  # type: ignore[attr-defined,no-any-return]


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[dict[str, Server]]:
    """By where they stall."""
    over, key = threading.Event(), paramiko.ECDSAKey.generate()
    made = {
        "before the greeting": Server(over, b""),
        "after the greeting": Server(over, GREETING),
        "in the exchange of keys": Server(over, GREETING + methods()),
        PROOF: Server(over, b"", key),
    }
    known = [f"[127.0.0.1]:{each.port} {key.get_name()} {key.get_base64()}\n" for each in made.values()]
    (tmp_path / "known_hosts").write_text("".join(known))
    yield made
    over.set()
    for each in made.values():
        each.close()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """To log in with."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    return tmp_path / "key"


def tried(way: str, target: Target) -> tuple[ConnectionFailed, float]:
    """What stood in the way, and after how many seconds that was said."""
    began = time.monotonic()
    with pytest.raises(ConnectionFailed) as caught, contextlib.closing(WAYS[way](target, "true")) as session:
        session.receive(1)
    return caught.value, time.monotonic() - began


def test_who_stalls_at_one_key_is_not_asked_about_the_next(servers: dict[str, Server]) -> None:
    """Paramiko would wait for each as long."""
    keys = [paramiko.ECDSAKey.generate() for _ in range(2)]
    with socket.create_connection(("127.0.0.1", servers[PROOF].port)) as line:
        transport = tuning.make_transport(line)
        transport.start_client(timeout=60.0)
        began = time.monotonic()
        for key, seconds in zip(keys, (0.2, 60.0), strict=True):
            transport.auth_timeout = seconds
            with pytest.raises(Stalled):
                transport.auth_publickey("ada", key)
        spent = time.monotonic() - began
        transport.close()

    assert spent < 30


def test_a_server_that_stalls_is_given_up_as_soon_as_was_said_every_way(
    servers: dict[str, Server], key: Path, tmp_path: Path
) -> None:
    """A line may be silent for half a minute; a login may not."""
    targets = {
        (way, stall): Target(
            name="web1",
            address="127.0.0.1",
            user="ada",
            port=server.port,
            known_hosts=tmp_path / "known_hosts",
            private_key=key,
            connect_seconds=1.0,
            warm_seconds=0,
        )
        for way in WAYS
        for stall, server in servers.items()
    }

    with ThreadPoolExecutor(len(targets)) as pool:
        pending = {at: pool.submit(tried, at[0], target) for at, target in targets.items()}
    found = {at: each.result() for at, each in pending.items()}

    meaning = {at: SILENT if at[1] == "before the greeting" else STALLED for at in targets}
    assert {at: error.message.partition(") ")[2] for at, (error, _seconds) in found.items()} == meaning
    assert all("look at its console" in error.hint for error, _seconds in found.values())
    assert not [at for at, (error, _seconds) in found.items() if isinstance(error, NotLetIn)]
    assert max(seconds for _error, seconds in found.values()) < START_LIMIT / 2


LET_IN = 'Authenticated to web1 ([192.0.2.1]:22) using "publickey".\r\n'
TOTAL = "Transferred: sent 2204, received 1824 bytes, in 0.1 seconds\r\nBytes per second: sent 1.0, received 1.0\r\n"


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (f"{LET_IN}sudo: a password is required\n", "sudo: a password is required\n"),
        (TOTAL, ""),
        (f"Connection to web1 closed by remote host.\r\n{TOTAL}"[:-2], "Connection to web1 closed by remote host.\r\n"),
        (f"They said: {LET_IN}", f"They said: {LET_IN}"),
    ],
)
def test_what_ssh_says_of_itself_is_no_complaint(said: str, left: str) -> None:
    assert without_its_own(said) == left
