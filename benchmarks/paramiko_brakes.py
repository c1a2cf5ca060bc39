"""What each of Paramiko's brakes costs, and what lifting it gains: `python -m benchmarks.paramiko_brakes `.

Everything runs in this process, against Paramiko's own server on loopback: what is compared is the client, so the
same server on both sides of each comparison will do. Medians of five. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko
from paramiko.common import AUTH_SUCCESSFUL, OPEN_SUCCEEDED

from windlass.hosts.by_paramiko import tuning
from windlass.hosts.by_paramiko.connection import host_keys
from windlass.hosts.common import known_hosts

ROUNDS = 5
SERVER_KEY = paramiko.RSAKey.generate(2048)


class _Anybody(paramiko.ServerInterface):
    """Lets everybody in and runs nothing."""

    def get_allowed_auths(self, _username: str) -> str:
        return "none"

    def check_auth_none(self, _username: str) -> int:
        return AUTH_SUCCESSFUL

    def check_channel_request(self, _kind: str, _chanid: int) -> int:
        return OPEN_SUCCEEDED


@contextmanager
def connected(make: Callable[..., paramiko.Transport]) -> Iterator[tuple[paramiko.Transport, paramiko.Transport]]:
    """A client made by `make` and its server, both logged in."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    server = paramiko.Transport(theirs)
    server.add_server_key(SERVER_KEY)
    server.start_server(event=threading.Event(), server=_Anybody())
    client = make(ours)
    try:
        client.start_client(timeout=30)
        client.auth_none("somebody")
        yield client, server
    finally:
        tuning.wake(client)
        client.close()
        server.close()


def milliseconds(work: Callable[[], object]) -> float:
    """The median of a few rounds."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(times), 2)


def send(make: Callable[..., paramiko.Transport], size: int) -> float:
    """MiB per second through a channel: the cipher's order."""
    block = os.urandom(1 << 20)

    def send_all() -> None:
        for _ in range(size >> 20):
            channel.sendall(block)

    with connected(make) as (client, server):
        channel = client.open_session()
        accepted = server.accept(10)
        assert accepted is not None
        began = time.perf_counter()
        threading.Thread(target=send_all, daemon=True).start()
        left = size
        while left > 0:
            left -= len(accepted.recv(1 << 18))
        return round((size / (1 << 20)) / (time.perf_counter() - began), 1)


def idle(make: Callable[..., paramiko.Transport], resting: Callable[[paramiko.Transport], None], seconds: float) -> float:
    """Wake-ups a second of a client where nothing happens, with its server's ten beside it."""
    with connected(make) as (client, _):
        resting(client)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
        time.sleep(seconds)
        return round((resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before) / seconds, 1)


def known(lines: int, *, hashed: bool) -> dict[str, float]:
    """A known_hosts file of many lines: parsed by Paramiko for a connection, and by us for the first and for each later one."""
    names = [f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in range(lines)]
    body = SERVER_KEY.get_base64()
    written = [paramiko.HostKeys.hash_host(name) if hashed else name for name in names]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "known_hosts")
        path.write_text("".join(f"{name} ssh-rsa {body}\n" for name in written))
        began = time.perf_counter()
        paramiko.HostKeys(str(path)).lookup(names[-1])
        theirs = (time.perf_counter() - began) * 1000
        began = time.perf_counter()
        host_keys(known_hosts.known_keys(names[-1], (path,)))
        first = (time.perf_counter() - began) * 1000
        return {
            "paramiko": round(theirs, 1),
            "ours, first": round(first, 2),
            "ours, later": milliseconds(lambda: host_keys(known_hosts.known_keys(names[-1], (path,)))),
        }


def private_keys() -> dict[str, float]:
    """An RSA key of 3072 bits parsed for each host, and once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "key")
        paramiko.RSAKey.generate(3072).write_private_key_file(str(path))
        return {
            "parsed": milliseconds(lambda: paramiko.PKey.from_path(path)),
            "cached": milliseconds(lambda: tuning.private_key(path)),
        }


def main() -> None:
    """All of it, as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=int, default=64 << 20)
    parser.add_argument("--lines", type=int, default=1000, help="of the known_hosts file")
    parser.add_argument("--seconds", type=float, default=10.0, help="to watch idle connections for")
    options = parser.parse_args()

    def handshake(make: Callable[..., Any]) -> Callable[[], None]:
        def work() -> None:
            with connected(make):
                pass

        return work

    plain, tuned = paramiko.Transport, tuning.make_transport
    figures = {
        "handshake and login, ms": {"paramiko": milliseconds(handshake(plain)), "ours": milliseconds(handshake(tuned))},
        "sending, MiB/s": {"paramiko": send(plain, options.bytes), "ours": send(tuned, options.bytes)},
        "wake-ups a second": {
            "paramiko": idle(plain, lambda _: None, options.seconds),
            "ours": idle(tuned, tuning.rest, options.seconds),
        },
        "known_hosts, ms": known(options.lines, hashed=False),
        "known_hosts hashed, ms": known(options.lines, hashed=True),
        "private key, ms": private_keys(),
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
