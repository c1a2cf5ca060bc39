"""What stands in the way of a connection, in words that say what to do, whichever library met it."""

from __future__ import annotations

from windlass.errors import ConnectionFailed
from windlass.hosts import known_hosts
from windlass.hosts.known_hosts import KnownKey, known_hosts_of
from windlass.hosts.session import NotLetIn
from windlass.hosts.target import Target


def place(target: Target, towards: str = "") -> str:
    """Where it was. `towards`: the host that a jump leads to."""
    where = f"{target.name} ({target.user + '@' if target.user else ''}{target.address}:{target.port})"
    return f"{where}, the way to {towards}," if towards else where


def other_key(target: Target, towards: str = "") -> NotLetIn:
    """Its host key is not the one that is known."""
    return NotLetIn(
        f"{place(target, towards)} shows another host key than before",
        host=towards or target.name,
        hint=f"if the host was rebuilt, remove its line from {known_hosts_of(target)}; if not, somebody is in between",
    )


def revoked_key(target: Target, towards: str = "") -> NotLetIn:
    """Somebody has said that its host key is not to be trusted any more."""
    return NotLetIn(
        f"{place(target, towards)} shows a host key that is marked as @revoked",
        host=towards or target.name,
        hint=f"give the host another key; or, if it is the mark that is wrong, take it out of {known_hosts_of(target)}",
    )


def unknown_key(target: Target) -> NotLetIn:
    """Nobody knows its host key yet."""
    return NotLetIn(f"{place(target)} has a host key that nobody knows yet", host=target.name, hint=how_to_know(target))


def note_key(target: Target, name: str, key: KnownKey) -> None:
    """Write down the key of a host never seen before. Raises NotLetIn where that cannot be done: nobody could compare it later."""
    path = known_hosts_of(target)
    try:
        known_hosts.remember(path, name, key)
    except OSError as error:
        raise NotLetIn(
            f"{place(target)} shows a host key that cannot be written into {path}: {error.strerror or error}",
            host=target.name,
            hint=f"see that you may write to {path}, or name another file: `known_hosts` of the environment in the inventory",
        ) from error


def how_to_know(target: Target) -> str:
    """The hint for a host whose key nobody knows yet."""
    return f"compare the host's key and add it to {known_hosts_of(target)}, or run once with --accept-new"


def not_let_in(target: Target, reason: object, towards: str = "") -> NotLetIn:
    """It takes none of our keys."""
    return NotLetIn(
        f"{place(target, towards)} does not let us in: {reason}",
        host=towards or target.name,
        hint="check the user and key in the inventory, and that the key is in the host's authorized_keys",
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
    """The hint where something answers, and not as an SSH server does."""
    return f"is {target.port} its sshd's port? The host may be overloaded, too, or MaxStartups reached: then run it again"


def unreachable(target: Target, reason: str, towards: str = "") -> ConnectionFailed:
    """Nobody is there."""
    return ConnectionFailed(
        f"{place(target, towards)} cannot be reached: {reason}",
        host=towards or target.name,
        hint="check that the host is up, and its address and port in the inventory",
    )
