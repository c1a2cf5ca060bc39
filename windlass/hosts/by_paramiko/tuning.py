"""Paramiko's brakes, lifted: `python -m benchmarks.paramiko_brakes` measures each of them."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import paramiko

from windlass.hosts.by_paramiko.quick_login import QuickPackets, QuickTransport
from windlass.hosts.common import sockets

# One call of OpenSSL encrypts and authenticates; Paramiko's own order begins with a cipher whose checksum is computed apart.
FIRST_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
LOGIN_TICK = 1.0  # seconds between two wake-ups while it is made; who waits for it counts for himself how long that takes
IDLE_TICK = 5.0  # seconds between two wake-ups of a connection where nothing comes; Paramiko has 0.1
REKEY_BYTES = 1 << 34  # new keys after 16 GiB instead of 0.5: AES may have 64 GiB, and all stands still meanwhile
REKEY_PACKETS = 1 << 31  # and before the packets' numbers begin anew


def _count_steadily() -> None:
    """Paramiko counts its limits by the time of day: a clock that went back would make it wait for years, one that went on would
    end every wait at once. It is given the clock that does not jump."""
    steady = ModuleType("time")
    vars(steady).update(vars(time), time=time.monotonic)
    for module in (paramiko.auth_handler, paramiko.buffered_pipe, paramiko.channel, paramiko.packet, paramiko.transport):
        vars(module)["time"] = steady


_count_steadily()
logging.getLogger("paramiko").addHandler(logging.NullHandler())  # its tracebacks are errors of ours, too, told once, in words


def make_transport(sock: Any, **arguments: Any) -> paramiko.Transport:
    """What SSHClient is to use: the socket set before the first byte, the quick ciphers first."""
    sockets.prepare(sock)
    transport = QuickTransport(sock, packetizer_class=QuickPackets, **arguments)
    if isinstance(sock, socket.socket):
        sock.settimeout(LOGIN_TICK)
    options = transport.get_security_options()
    first = [cipher for cipher in FIRST_CIPHERS if cipher in options.ciphers]
    options.ciphers = (*first, *(cipher for cipher in options.ciphers if cipher not in first))
    transport.packetizer.REKEY_BYTES = REKEY_BYTES
    transport.packetizer.REKEY_PACKETS = REKEY_PACKETS
    return transport


def rest(transport: paramiko.Transport) -> None:
    """From now on the connection sleeps while nothing comes: many idle hosts cost nothing. `wake` it before it is closed."""
    if isinstance(transport.sock, socket.socket):
        transport.sock.settimeout(IDLE_TICK)


def wake(transport: paramiko.Transport | None) -> None:
    """End whatever waits on the line, so that closing it waits for nobody."""
    if transport is not None and isinstance(transport.sock, socket.socket):
        with contextlib.suppress(OSError):
            transport.sock.shutdown(socket.SHUT_RDWR)


@lru_cache(maxsize=32)
def private_key(path: Path) -> paramiko.PKey:
    """A private key is parsed once, however many hosts it opens."""
    return paramiko.PKey.from_path(path)


def ready_keys(arguments: dict[str, Any], *, only_these: bool) -> dict[str, Any]:
    """What Fabric would hand to Paramiko, with the first key file of the user's ssh_config parsed once instead of for each host.

    only_these   ssh_config says IdentitiesOnly: no key of the agent is tried, which would use up sshd's MaxAuthTries
    """
    ready = dict(arguments)
    names = ready.get("key_filename") or []
    names = [names] if isinstance(names, str) else list(names)
    if names and only_these:
        ready |= {"allow_agent": False, "look_for_keys": False}
    if names and "pkey" not in ready:
        with contextlib.suppress(Exception):  # it wants a passphrase, is not there, …: Paramiko knows what to do with each
            ready["pkey"] = private_key(Path(names[0]).expanduser())
            ready["key_filename"] = names[1:]
    return ready
