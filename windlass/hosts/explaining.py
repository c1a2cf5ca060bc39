"""What stands in the way of a connection by Paramiko, in words that say what to do."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import paramiko

from windlass.errors import ConnectionFailed
from windlass.hosts.session import NotLetIn
from windlass.hosts.target import Target

USER_KNOWN_HOSTS = Path("~/.ssh/known_hosts")


def known_hosts_of(target: Target) -> Path:
    """The file with the host keys that count for a target, the user's own where none is named."""
    return (target.known_hosts or USER_KNOWN_HOSTS).expanduser()


@contextlib.contextmanager
def explained(target: Target, towards: str = "") -> Iterator[None]:
    """Turn the many ways in which a connection fails into one error that says what to do."""
    where = f"{target.name} ({target.user + '@' if target.user else ''}{target.address}:{target.port})"
    where += f", the way to {towards}," if towards else ""
    host = towards or target.name
    try:
        yield
    except paramiko.BadHostKeyException as error:
        raise NotLetIn(
            f"{where} shows another host key than before",
            host=host,
            hint=f"if the host was rebuilt, remove its line from {known_hosts_of(target)}; if not, somebody is in between",
        ) from error
    except paramiko.AuthenticationException as error:
        raise NotLetIn(
            f"{where} does not let us in: {error}",
            host=host,
            hint="check the user and key in the inventory, and that the key is in the host's authorized_keys",
        ) from error
    except paramiko.SSHException as error:
        said = re.sub(r"^Error reading SSH protocol banner", "no SSH server answers there ", str(error)).rstrip()
        raise ConnectionFailed(f"{where}: {said}", host=host, hint=_ssh_hint(target, str(error))) from error
    except (OSError, EOFError) as error:
        raise ConnectionFailed(
            f"{where} cannot be reached: {_reason(error)}",
            host=host,
            hint="check that the host is up, and its address and port in the inventory",
        ) from error


def _reason(error: OSError | EOFError) -> str:
    """What the system said; Paramiko has that for each address that it tried, behind a number that is none."""
    tried: dict[object, OSError] = getattr(error, "errors", {})
    said = dict.fromkeys(each.strerror or str(each) for each in tried.values())
    return " and ".join(said) or str(error) or type(error).__name__


def _ssh_hint(target: Target, message: str) -> str:
    if "not found in known_hosts" in message:
        return f"compare the host's key and add it to {known_hosts_of(target)}, or run once with --accept-new"
    if "No authentication methods" in message:
        return "there is no key to log in with: load one into your SSH agent (ssh-add), or name it in ~/.ssh/config (IdentityFile)"
    if "banner" in message:
        return f"is {target.port} its sshd's port? The host may be overloaded, too, or MaxStartups reached: then run it again"
    return "run `ssh -v` to the host to see more"
