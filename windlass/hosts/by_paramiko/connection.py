"""The SSH connection to one host: the only place that knows Fabric and Paramiko.

Host keys are always checked. An unknown key is refused, unless the target says `accept_new`; a changed key is refused in any case.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import paramiko
from fabric import Config, Connection
from fabric.connection import derive_shorthand
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import NoValidConnectionsError

from windlass.hosts.by_paramiko import tuning
from windlass.hosts.by_paramiko.detours import Proxy, Tunnel, completed
from windlass.hosts.by_paramiko.explaining import explained
from windlass.hosts.by_paramiko.packets import send_content
from windlass.hosts.common import known_hosts, refusals
from windlass.hosts.common.known_hosts import DEFAULT_PORT, KnownKey
from windlass.hosts.common.retrying import DROPPED, NO_PORT, ONCE, TRIES_DROPPED, TRIES_REFUSED, persistently, turnstile
from windlass.hosts.common.session import START_LIMIT
from windlass.hosts.common.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

FORBIDDEN = 1  # RFC 4254, 5.1: of a channel that is not opened


class _Unknown(paramiko.MissingHostKeyPolicy):
    """What becomes of a key that nobody knows yet: written down, if that was wanted; one that is marked as @revoked never."""

    def __init__(self, target: Target, place: tuple[str, int], towards: str) -> None:
        self._target = target
        self._place = place
        self._towards = towards

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        shown = KnownKey(key.get_name(), key.get_base64())
        if known_hosts.is_revoked(self._target, *self._place, shown.blob):
            raise refusals.revoked_key(self._target, self._towards)
        if not self._target.accept_new:
            raise refusals.unknown_key(self._target, shown, self._towards)
        client.get_host_keys().add(hostname, key.get_name(), key)
        refusals.note_key(self._target, hostname, shown, self._towards)


def _readable_key(target: Target, path: Path) -> paramiko.PKey:
    """The key that is named for a host. Raises ConnectionFailed for one that cannot be used without asking somebody."""
    try:
        return tuning.private_key(path)
    except (paramiko.PasswordRequiredException, TypeError) as error:  # `cryptography` says it as the second
        raise refusals.locked_key(target) from error
    except (OSError, ValueError, paramiko.SSHException) as error:
        raise refusals.bad_key(target, error) from error


def _fabric_connection(target: Target, towards: str = "") -> _Connection:
    """Fabric's connection with host keys checked; Fabric itself would accept any key silently. `towards`: where a jump leads."""
    arguments: dict[str, Any] = {"banner_timeout": target.connect_seconds, "auth_timeout": target.connect_seconds}
    arguments["transport_factory"] = tuning.make_transport
    if target.private_key:
        arguments |= {"pkey": _readable_key(target, target.private_key), "look_for_keys": False, "allow_agent": False}
    connection = _Connection(
        target.address,
        user=target.user or None,
        port=target.port if target.port != DEFAULT_PORT else None,  # the user's ssh_config may know another one
        config=_fabric_config(),
        connect_timeout=target.connect_seconds,
        connect_kwargs=arguments,
    )
    only_these = str(connection.ssh_config.get("identitiesonly", "")).lower() == "yes"
    connection.connect_kwargs = tuning.ready_keys(connection.connect_kwargs, only_these=only_these)
    _check_host_keys(connection, target, towards)
    jump = target.jump or _configured_jump(target, connection.ssh_config.get("proxyjump", ""))
    connection.explained = _Way(target, towards, jump)
    if jump or isinstance(connection.gateway, Connection):
        connection.gateway = _fabric_connection(jump, towards or target.name) if jump else None
    return connection


def _check_host_keys(connection: Connection, target: Target, towards: str) -> None:
    """Give the client the keys of this one host, and say what happens to a host without any."""
    client, place = connection.client, (connection.host, int(connection.port))
    for key in host_keys(known_hosts.keys_of(target, *place)):
        client.get_host_keys().add(known_hosts.named(*place), key.get_name(), key)
    client.set_missing_host_key_policy(_Unknown(target, place, towards))


def host_keys(known: Iterable[KnownKey]) -> list[paramiko.PKey]:
    """Known keys as Paramiko compares them: of several of a kind the first counts, and kinds that it lacks are left out."""
    keys: dict[str, paramiko.PKey] = {}
    for each in known:
        with contextlib.suppress(paramiko.SSHException, UnknownKeyType, ValueError):
            keys.setdefault(each.key_type, paramiko.PKey.from_type_string(each.key_type, each.blob))
    return list(keys.values())


def _configured_jump(target: Target, hops: str) -> Target | None:
    """The way that the user's ssh_config names (`ProxyJump`), as targets whose host keys are checked like every other's."""
    jump = None
    for hop in hops.split(",") if hops not in ("", "none") else ():
        parts = derive_shorthand(hop)
        if parts["host"] == target.address:  # a pattern in ssh_config that means the jump host, too
            return None
        jump = dataclasses.replace(
            target,
            name=parts["host"],
            address=parts["host"],
            user=parts["user"] or "",
            port=parts["port"] or DEFAULT_PORT,
            jump=jump,
        )
    return jump


@dataclass(frozen=True, slots=True)
class _Way:
    """What a connection is for, to be told when it fails."""

    target: Target
    towards: str
    jump: Target | None


def _tries(error: Exception) -> int:
    """Often if sshd hung up before it let us say who we are, and a little if nobody is there; silence is something else."""
    if isinstance(error, NoValidConnectionsError):
        return TRIES_REFUSED if all(isinstance(each, ConnectionRefusedError) for each in error.errors.values()) else ONCE
    dropped = isinstance(error, paramiko.SSHException) and re.search(DROPPED, str(error))
    return TRIES_DROPPED if dropped or isinstance(error, EOFError | ConnectionResetError) else ONCE


class _Connection(Connection):  # type: ignore[misc]  # Fabric has no types
    """Fabric's connection, but the way through a jump host has a limit like every other."""

    explained: _Way | None = None
    proxy: Proxy | None = None

    def __setattr__(self, name: str, value: object) -> None:
        """What is set is the connection's own. Fabric would look through all names for that, each time, and write those that the
        class lacks into the configuration of all."""
        object.__setattr__(self, name, value)

    def open_gateway(self) -> Any:
        if isinstance(self.gateway, str):  # a ProxyCommand of the user's ssh_config
            values = {"h": self.host, "n": self.original_host, "p": str(self.port), "r": self.user}
            self.proxy = Proxy(completed(self.gateway, values))
            return self.proxy
        way = self.gateway.explained
        with turnstile(self.gateway.host, int(self.gateway.port)), explained(way.target, way.towards):
            self.gateway.let_in()
        tuning.rest(self.gateway.transport)
        place = (self.host, int(self.port))
        try:
            return Tunnel(self.gateway.transport.open_channel("direct-tcpip", place, ("", 0), timeout=self.connect_timeout))
        except paramiko.ChannelException as error:
            ours = self.explained or way
            raise refusals.not_forwarded(ours.target, way.target, ours.towards, forbidden=error.code == FORBIDDEN) from error

    def let_in(self) -> None:
        """Open it, and come again where sshd has too many at its door."""
        with turnstile(self.gateway, NO_PORT) if isinstance(self.gateway, str) else contextlib.nullcontext():
            persistently(self._tried, _tries, float(self.connect_timeout))

    def _tried(self) -> None:
        try:
            self.open()
        except (OSError, EOFError, paramiko.SSHException) as error:
            said = self.proxy.part() if self.proxy else ""
            if said and not isinstance(error, paramiko.AuthenticationException | paramiko.BadHostKeyException):
                raise paramiko.SSHException(f"its ProxyCommand says: {said}") from error
            raise

    def hang_up(self) -> None:
        """Close this and the whole way to it, and wait for nobody."""
        with contextlib.suppress(Exception):
            tuning.wake(self.client.get_transport())
            self.client.close()
        if self.proxy:
            self.proxy.part()
        if isinstance(self.gateway, _Connection):
            self.gateway.hang_up()


@lru_cache(maxsize=1)
def _fabric_config() -> Config:
    """Fabric's configuration: the user's ssh_config is honoured. A ProxyCommand stays as it is written there: that is its name."""
    config = Config()
    kept = paramiko.SSHConfig.TOKENS_BY_CONFIG_KEY
    config.base_ssh_config.TOKENS_BY_CONFIG_KEY = {key: kept[key] for key in kept if key != "proxycommand"}
    return config


class Session:
    """An open connection with one command running on it: bytes in, bytes out, bytes of standard error aside."""

    def __init__(self, connection: _Connection, channel: paramiko.Channel) -> None:
        self._connection = connection
        self._channel = channel
        self.sent = 0
        self.received = 0

    def send(self, data: bytes | bytearray) -> None:
        """Send all of it. Raises OSError when the connection is gone."""
        view = memoryview(data)
        while view:
            with _as_os_error():
                count = send_content(self._channel, view)
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
        self._connection.hang_up()  # closing the channel first would wait behind whoever is stuck in sending


def open_session(target: Target, command: str) -> Session:
    """Connect, log in, and run one command. Raises ConnectionFailed with what stood in the way."""
    with explained(target), contextlib.ExitStack() as undo:
        connection = _fabric_connection(target)
        undo.callback(connection.hang_up)
        connection.let_in()
        transport = connection.transport
        transport.set_keepalive(15)
        tuning.rest(transport)
        channel = transport.open_session(timeout=max(START_LIMIT, target.connect_seconds))  # sshd is there, if slow
        with _at_most(START_LIMIT, connection.hang_up):  # Paramiko waits for the answer without a limit
            channel.exec_command(command)
        undo.pop_all()
        return Session(connection, channel)


@contextlib.contextmanager
def _at_most(limit: float, otherwise: Callable[[], None]) -> Iterator[None]:
    timer = threading.Timer(limit, otherwise)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    """Paramiko's own errors of a line that died are like the kernel's to whoever sends."""
    try:
        yield
    except paramiko.SSHException as error:
        raise OSError(str(error)) from error
