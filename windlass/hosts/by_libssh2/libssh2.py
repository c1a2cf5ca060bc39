"""libssh2 as the way in: a login in C, which costs the controller a fifth of one by Paramiko, and no program as `ssh` does.

It carries what is simple: an address, and a key of a file, of ssh-agent or of the user. What needs more (`plain_way` has the list)
goes by Paramiko, of itself. Host keys are checked as strictly as on the other ways.
"""

from __future__ import annotations

import base64
import contextlib
import getpass
import os
import socket
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

from ssh2 import exceptions, session
from ssh2.session import Session as Connection

from windlass.errors import ConnectionFailed
from windlass.hosts.by_libssh2.libssh2_session import Session
from windlass.hosts.common import known_hosts, refusals, sockets
from windlass.hosts.common.known_hosts import KnownKey
from windlass.hosts.common.retrying import ONCE, TRIES_DROPPED, TRIES_REFUSED, persistently
from windlass.hosts.common.session import START_LIMIT
from windlass.hosts.common.target import Target

# What is offered, the first that both know is taken. The last two of the key exchange are no methods: they say that we know newer
# signatures of RSA keys, and how to keep a login from being tampered with (CVE-2023-48795).
KEY_EXCHANGE: Final = (
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
    "diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256,ext-info-c,kex-strict-c-v00@openssh.com"
)
CIPHERS: Final = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr"
CHECKSUMS: Final = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512"
SIGNATURES: Final = {  # by the kind of a host key
    "ssh-ed25519": "ssh-ed25519",
    "ecdsa-sha2-nistp256": "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384": "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521": "ecdsa-sha2-nistp521",
    "ssh-rsa": "rsa-sha2-512,rsa-sha2-256",
}
OWN_KEYS: Final = ("id_ed25519", "id_ecdsa", "id_rsa")
DROPPED: Final = (  # by sshd, before we have said who we are
    exceptions.SocketDisconnectError,
    exceptions.SocketRecvError,
    exceptions.SocketSendError,
    exceptions.BannerRecvError,
    exceptions.BannerSendError,
)


class _Dropped(ConnectionFailed):
    """sshd hung up on us before it let us say who we are."""


def open_session(target: Target, command: str) -> Session:
    """Connect, log in, and run one command. Raises ConnectionFailed with what stood in the way."""
    try:
        return persistently(partial(_opened, target, command), _tries, target.connect_seconds)
    except OSError as error:
        raise refusals.unreachable(target, error.strerror or str(error)) from error


def _tries(error: Exception) -> int:
    """Often if sshd hung up on us, and a little if nobody is there; silence is something else."""
    if isinstance(error, ConnectionRefusedError):
        return TRIES_REFUSED
    return TRIES_DROPPED if isinstance(error, _Dropped) else ONCE


def _opened(target: Target, command: str) -> Session:
    sock = socket.create_connection((target.address, target.port), target.connect_seconds)
    try:
        sockets.prepare(sock)
        connection = Connection()
        _shake_hands(connection, sock, target)
        _log_in(connection, target)
        return Session(sock, connection, _begun(connection, target, command))
    except exceptions.SSH2Error as error:
        sock.close()
        raise _broken(connection, target, error) from error
    except BaseException:
        sock.close()
        raise


def _shake_hands(connection: Any, sock: socket.socket, target: Target) -> None:
    """Agree on keys, and see that it is the right host."""
    known = [key for key in known_hosts.keys_of(target, target.address, target.port) if key.key_type in SIGNATURES]
    first = dict.fromkeys([*(key.key_type for key in known), *SIGNATURES])
    for method, offered in (
        (session.LIBSSH2_METHOD_KEX, KEY_EXCHANGE),
        (session.LIBSSH2_METHOD_HOSTKEY, ",".join(SIGNATURES[kind] for kind in first)),
        (session.LIBSSH2_METHOD_CRYPT_CS, CIPHERS),
        (session.LIBSSH2_METHOD_CRYPT_SC, CIPHERS),
        (session.LIBSSH2_METHOD_MAC_CS, CHECKSUMS),
        (session.LIBSSH2_METHOD_MAC_SC, CHECKSUMS),
    ):
        connection.method_pref(method, offered)
    connection.set_timeout(_milliseconds(target.connect_seconds))
    try:
        connection.handshake(sock)
    except exceptions.Timeout:
        raise (refusals.stalled if sockets.has_heard(sock) else refusals.silent)(target) from None
    except DROPPED as error:
        message = f"{refusals.place(target)}: no SSH server answers there, it hangs up"
        raise _Dropped(message, host=target.name, hint=refusals.no_banner(target)) from error
    _check_host_key(KnownKey(*_shown(connection)), known, target)


def _shown(connection: Any) -> tuple[str, str]:
    """Kind and key as a known hosts file has them. RFC 4253, 6.6: a key begins with the name of its kind."""
    blob, _kind = connection.hostkey()
    length = int.from_bytes(blob[:4], "big")
    return blob[4 : 4 + length].decode("ascii", "replace"), base64.b64encode(blob).decode()


def _check_host_key(shown: KnownKey, known: list[KnownKey], target: Target) -> None:
    if shown in known:
        return
    if known_hosts.is_revoked(target, target.address, target.port, shown.blob):
        raise refusals.revoked_key(target)
    if known:
        raise refusals.other_key(target)
    if not target.accept_new:
        raise refusals.unknown_key(target, shown)
    refusals.note_key(target, known_hosts.named(target.address, target.port), shown)


def _log_in(connection: Any, target: Target) -> None:
    """By the key that the target names, else by what ssh-agent has, else by the user's own keys."""
    user = target.user or getpass.getuser()
    named = _named_key(target) if target.private_key else b""
    try:
        if named:
            connection.userauth_publickey_frommemory(user, named)
        elif not _agent_lets_in(connection, user) and not any(_lets_in(connection, user, key) for key in _own_keys()):
            raise refusals.not_let_in(target, "it takes no key of ssh-agent, and none of ~/.ssh")
    except exceptions.AuthenticationError as error:
        raise refusals.not_let_in(target, "it does not take the key") from error
    except exceptions.Timeout:
        raise refusals.stalled(target) from None
    except exceptions.KeyfileAuthFailedError as error:
        raise refusals.locked_key(target) from error
    except exceptions.FileError as error:
        raise _unread(target, named, connection) from error


def _named_key(target: Target) -> bytes:
    path = target.private_key or Path()
    try:
        return _key(path) or b"\n"
    except OSError as error:
        raise refusals.bad_key(target, error) from error


def _unread(target: Target, key: bytes, connection: Any) -> ConnectionFailed:
    """Of a key in ssh-keygen's own form libssh2 does not tell a passphrase from nonsense: the name of the cipher stands in it."""
    lines = [line for line in key.splitlines() if line and not line.startswith(b"-----")]
    with contextlib.suppress(ValueError):
        if b"bcrypt" in base64.b64decode(b"".join(lines))[:64]:
            return refusals.locked_key(target)
    return refusals.bad_key(target, connection.last_error())


@lru_cache(maxsize=32)
def _key(path: Path) -> bytes:
    return path.read_bytes()


def _agent_lets_in(connection: Any, user: str) -> bool:
    with contextlib.suppress(exceptions.AgentError):
        if os.environ.get("SSH_AUTH_SOCK"):
            connection.agent_auth(user)
    return bool(connection.userauth_authenticated())


def _lets_in(connection: Any, user: str, key: Path) -> bool:
    with contextlib.suppress(exceptions.AuthenticationError, exceptions.FileError, exceptions.KeyfileAuthFailedError):
        connection.userauth_publickey_frommemory(user, _key(key))
    return bool(connection.userauth_authenticated())


def _own_keys() -> list[Path]:
    return [path for path in (Path.home() / ".ssh" / name for name in OWN_KEYS) if path.is_file()]


def _begun(connection: Any, target: Target, command: str) -> Any:
    """sshd gives a channel no room before it has begun the command: it has to be waited for."""
    connection.set_timeout(_milliseconds(max(START_LIMIT, target.connect_seconds)))  # sshd is there, if slow
    channel = connection.open_session()
    try:
        channel.execute(command)
    except exceptions.SSH2Error:
        connection.set_blocking(False)
        del channel  # libssh2 closes it on a socket that has to be still this one
        raise
    return channel


def _broken(connection: Any, target: Target, error: Exception) -> ConnectionFailed:
    said = connection.last_error() or type(error).__name__
    return ConnectionFailed(
        f"{refusals.place(target)}: {said}", host=target.name, hint=f"to see more: {refusals.by_hand(target, 'ssh -v')}"
    )


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
