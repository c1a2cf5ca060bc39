"""The SSH connection to one host: the only place that knows Fabric and Paramiko.

Host keys are always checked. An unknown key is refused, unless the target says `accept_new`; a changed key is refused in any case.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import paramiko
from fabric import Config, Connection

from windlass.errors import ConnectionFailed
from windlass.hosts.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

_ACCEPT_LOCK = threading.Lock()
USER_KNOWN_HOSTS = Path("~/.ssh/known_hosts")
SYSTEM_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")


class _AcceptNew(paramiko.MissingHostKeyPolicy):
    """Write the key of a host never seen before into the known_hosts file, as `ssh -o StrictHostKeyChecking=accept-new` does."""

    def __init__(self, known_hosts: Path) -> None:
        self._known_hosts = known_hosts

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        client.get_host_keys().add(hostname, key.get_name(), key)
        with _ACCEPT_LOCK:
            self._known_hosts.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._known_hosts.open("a", encoding="utf-8") as handle:
                handle.write(f"{hostname} {key.get_name()} {key.get_base64()}\n")


@lru_cache(maxsize=32)
def _private_key(path: Path) -> paramiko.PKey:
    """A private key is parsed once, however many hosts it opens."""
    return paramiko.PKey.from_path(path)


def _known_hosts_of(target: Target) -> Path:
    return (target.known_hosts or USER_KNOWN_HOSTS).expanduser()


def _fabric_connection(target: Target) -> Connection:
    """Fabric's connection with host keys checked; Fabric itself would accept any key silently."""
    gateway = _fabric_connection(target.jump) if target.jump else None
    arguments: dict[str, Any] = {"banner_timeout": target.connect_seconds, "auth_timeout": target.connect_seconds}
    if target.private_key:
        arguments |= {"pkey": _private_key(target.private_key), "look_for_keys": False, "allow_agent": False}
    connection = _Connection(
        target.address,
        user=target.user or None,
        port=target.port,
        gateway=gateway,
        config=_fabric_config(),
        connect_timeout=target.connect_seconds,
        connect_kwargs=arguments,
    )
    client = connection.client
    known_hosts = _known_hosts_of(target)
    if not target.known_hosts and SYSTEM_KNOWN_HOSTS.exists():
        client.load_system_host_keys(str(SYSTEM_KNOWN_HOSTS))
    if known_hosts.exists():
        client.load_system_host_keys(str(known_hosts))
    client.set_missing_host_key_policy(_AcceptNew(known_hosts) if target.accept_new else paramiko.RejectPolicy())
    return connection


class _Connection(Connection):  # type: ignore[misc]  # Fabric has no types
    """Fabric's connection, but the way through a jump host has a limit like every other."""

    def open_gateway(self) -> Any:
        if isinstance(self.gateway, str):  # a ProxyCommand of the user's ssh_config
            return super().open_gateway()
        self.gateway.open()
        return self.gateway.transport.open_channel(
            kind="direct-tcpip", dest_addr=(self.host, int(self.port)), src_addr=("", 0), timeout=self.connect_timeout
        )


@lru_cache(maxsize=1)
def _fabric_config() -> Config:
    """Fabric's configuration: the user's ssh_config is honoured."""
    return Config()


class Session:
    """An open connection with one command running on it: bytes in, bytes out, bytes of standard error aside."""

    def __init__(self, connection: Connection, channel: paramiko.Channel) -> None:
        self._connection = connection
        self._channel = channel
        self.sent = 0
        self.received = 0

    def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError when the connection is gone."""
        view = memoryview(data)
        while view:
            count = self._channel.send(view)  # type: ignore[arg-type]  # any buffer will do
            if count == 0:
                raise OSError("the channel is closed")
            self.sent += count
            view = view[count:]

    def receive(self, most: int) -> bytes:
        """What has come, at least a byte; empty at the end. Raises TimeoutError past the limit set by `wait_at_most`."""
        data = self._channel.recv(most)
        self.received += len(data)
        return data

    def wait_at_most(self, seconds: float) -> None:
        """How long `receive` and `send` may wait."""
        self._channel.settimeout(seconds)

    def errors(self) -> str:
        """What the command has written to standard error so far."""
        pieces = []
        while self._channel.recv_stderr_ready():
            pieces.append(self._channel.recv_stderr(65536))
        return b"".join(pieces).decode("utf-8", "replace")

    def close(self) -> None:
        """Hang up. The far side sees the end of its input."""
        with contextlib.suppress(Exception):
            self._channel.close()
        with contextlib.suppress(Exception):
            self._connection.close()


def open_session(target: Target, command: str) -> Session:
    """Connect, log in, and run one command. Raises ConnectionFailed with what stood in the way."""
    connection = _fabric_connection(target)
    with _explained(target):
        connection.open()
        transport = connection.transport
        transport.set_keepalive(15)
        _no_delay(transport)
        channel = transport.open_session(timeout=target.connect_seconds)
        channel.exec_command(command)
        return Session(connection, channel)


def _no_delay(transport: paramiko.Transport) -> None:
    """Without TCP_NODELAY the kernel holds small packets back for 40 ms, for each request."""
    if isinstance(transport.sock, socket.socket):  # through a jump host it is a channel, which has no options
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


@contextlib.contextmanager
def _explained(target: Target) -> Iterator[None]:
    """Turn the many ways in which a connection fails into one error that says what to do."""
    where = f"{target.user + '@' if target.user else ''}{target.address}:{target.port}"
    try:
        yield
    except paramiko.BadHostKeyException as error:
        raise ConnectionFailed(
            f"{target.name} ({where}) shows another host key than before",
            host=target.name,
            hint=f"if the host was rebuilt, remove its line from {_known_hosts_of(target)}; if not, somebody is in between",
        ) from error
    except paramiko.AuthenticationException as error:
        raise ConnectionFailed(
            f"{target.name} ({where}) does not let us in: {error}",
            host=target.name,
            hint="check the user and key in the inventory, and that the key is in the host's authorized_keys",
        ) from error
    except paramiko.SSHException as error:
        raise ConnectionFailed(f"{target.name} ({where}): {error}", host=target.name, hint=_ssh_hint(target, str(error))) from error
    except (OSError, EOFError) as error:
        raise ConnectionFailed(
            f"{target.name} ({where}) cannot be reached: {error or type(error).__name__}",
            host=target.name,
            hint="check that the host is up, and its address and port in the inventory",
        ) from error


def _ssh_hint(target: Target, message: str) -> str:
    if "not found in known_hosts" in message:
        return f"compare the host's key and add it to {_known_hosts_of(target)}, or run once with --accept-new"
    if "banner" in message:
        return "sshd did not answer in time: the host may be overloaded, or MaxStartups is reached; run it again"
    return "run `ssh -v` to the host to see more"
