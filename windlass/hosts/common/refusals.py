"""What stands in the way of a connection, in words that say what to do, whichever library met it."""

from __future__ import annotations

import base64
import hashlib
import shlex

from windlass.errors import ConnectionFailed
from windlass.hosts.common.known_hosts import DEFAULT_PORT, KnownKey, known_hosts_of, named, remember
from windlass.hosts.common.session import FORWARD, LOOK, SILENT, SLOW, UP, NotLetIn
from windlass.hosts.common.target import Target


def place(target: Target, towards: str = "") -> str:
    """Where it was. `towards`: the host that a jump leads to."""
    where = f"{target.name} ({target.user + '@' if target.user else ''}{target.address}:{target.port})"
    return f"{where}, the way to {towards}," if towards else where


def by_hand(target: Target, program: str = "ssh") -> str:
    """What a person types to see for themselves: `ssh deploy@203.0.113.10`."""
    jumps: list[str] = []
    jump = target.jump
    while jump:
        jumps.insert(0, f"{_account(jump)}:{jump.port}")
        jump = jump.jump
    words = [
        *(["-p", str(target.port)] if target.port != DEFAULT_PORT else []),
        *(["-i", str(target.private_key)] if target.private_key else []),
        *(["-o", f"UserKnownHostsFile={target.known_hosts}"] if target.known_hosts else []),
        *(["-o", f"ProxyJump={','.join(jumps)}"] if jumps else []),
    ]
    return shlex.join([*program.split(), *words, _account(target)])


def _account(target: Target) -> str:
    return f"{target.user}@{target.address}" if target.user else target.address


def other_key(target: Target, towards: str = "") -> NotLetIn:
    """Its host key is not the one that is known."""
    return NotLetIn(
        f"{place(target, towards)} shows another host key than before",
        host=towards or target.name,
        hint=f"if the host was rebuilt, remove its line: {_forget(target)}; if not, somebody is in between",
    )


def revoked_key(target: Target, towards: str = "") -> NotLetIn:
    """Somebody has said that its host key is not to be trusted any more."""
    return NotLetIn(
        f"{place(target, towards)} shows a host key that is marked as @revoked",
        host=towards or target.name,
        hint=f"give the host another key; or, if it is the mark that is wrong, take it out of {known_hosts_of(target)}",
    )


def _forget(target: Target) -> str:
    return shlex.join(["ssh-keygen", "-f", str(known_hosts_of(target)), "-R", named(target.address, target.port)])


def unknown_key(target: Target, shown: KnownKey, towards: str = "") -> NotLetIn:
    """Nobody knows its host key yet."""
    file = f"ssh_host_{shown.key_type.removeprefix('ssh-').partition('-')[0]}_key.pub"
    return NotLetIn(
        f"{place(target, towards)} shows a host key that nobody knows yet, {_fingerprint(shown.blob)}",
        host=towards or target.name,
        hint=f"`ssh-keygen -lf /etc/ssh/{file}` on the host shows the true one: if it is the same, run once with --accept-new",
    )


def note_key(target: Target, name: str, key: KnownKey, towards: str = "") -> None:
    """Write down the key of a host never seen before. Raises NotLetIn where that cannot be done: nobody could compare it later."""
    path = known_hosts_of(target)
    try:
        remember(path, name, key)
    except OSError as error:
        raise NotLetIn(
            f"{place(target, towards)} shows a host key that cannot be written into {path}: {error.strerror or error}",
            host=towards or target.name,
            hint=f"see that you may write to {path}, or name another file: `known_hosts` of the environment in the inventory",
        ) from error


def _fingerprint(blob: bytes) -> str:
    """As ssh-keygen shows it."""
    return f"SHA256:{base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip('=')}"


def not_let_in(target: Target, reason: object, towards: str = "") -> NotLetIn:
    """It takes none of our keys."""
    return NotLetIn(
        f"{place(target, towards)} does not let us in: {reason}",
        host=towards or target.name,
        hint=f"check the user and key in the inventory; to put a key of yours onto the host: {by_hand(target, 'ssh-copy-id')}",
    )


def bad_key(target: Target, reason: object) -> ConnectionFailed:
    """The key file that is named for it is of no use."""
    return ConnectionFailed(
        f"{target.private_key} cannot be read as a private key: {reason}",
        host=target.name,
        hint="`private_key` in the inventory names the private half, as `ssh-keygen` wrote it",
    )


def locked_key(target: Target) -> ConnectionFailed:
    """The key file that is named for it has a passphrase, which nobody is asked for."""
    return ConnectionFailed(
        f"the key {target.private_key} has a passphrase",
        host=target.name,
        hint="`ssh-add` it and leave `private_key` out of the inventory, or name a key without one",
    )


def no_banner(target: Target) -> str:
    """The hint where somebody hangs up who has not said that he is an SSH server."""
    return f"is {target.port} its sshd's port? The host may be overloaded, too, or MaxStartups reached: then run it again"


def silent(target: Target, towards: str = "") -> ConnectionFailed:
    """Its kernel takes the connection, and nobody speaks: all programs there stand still, or it is another one that listens."""
    return ConnectionFailed(f"{place(target, towards)} {SILENT}", host=towards or target.name, hint=LOOK)


def stalled(target: Target, towards: str = "") -> ConnectionFailed:
    """An SSH server has begun to speak, and neither lets us in nor refuses us."""
    message = f"{place(target, towards)} speaks SSH, but stopped before it had let us in ({target.connect_seconds:g} s)"
    return ConnectionFailed(message, host=towards or target.name, hint=SLOW)


def not_forwarded(target: Target, jump: Target, towards: str = "", *, forbidden: bool) -> ConnectionFailed:
    """Its jump host is there, and does not lead on to it."""
    why = "lets nobody through" if forbidden else "finds nobody there"
    message = f"{place(target, towards)} cannot be reached: its jump host {jump.name} {why}"
    return ConnectionFailed(message, host=towards or target.name, hint=FORWARD if forbidden else UP)


def unreachable(target: Target, reason: str, towards: str = "") -> ConnectionFailed:
    """Nobody is there."""
    return ConnectionFailed(
        f"{place(target, towards)} cannot be reached: {reason}",
        host=towards or target.name,
        hint=f"{UP}; by hand: {by_hand(target)}",
    )
