"""What stands in the way of a connection by Paramiko, in words that say what to do."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import paramiko

from windlass.errors import ConnectionFailed
from windlass.hosts.by_paramiko.quick_login import Stalled
from windlass.hosts.common import refusals
from windlass.hosts.common.target import Target


@contextlib.contextmanager
def explained(target: Target, towards: str = "") -> Iterator[None]:
    """Turn the many ways in which a connection fails into one error that says what to do."""
    try:
        yield
    except paramiko.BadHostKeyException as error:
        raise refusals.other_key(target, towards) from error
    except paramiko.AuthenticationException as error:
        raise refusals.not_let_in(target, error, towards) from error
    except Stalled as error:
        raise refusals.stalled(target, towards) from error
    except paramiko.SSHException as error:
        if _is_silence(error):
            raise refusals.silent(target, towards) from error
        said = re.sub(r"^Error reading SSH protocol banner", "no SSH server answers there, it hangs up ", str(error)).rstrip()
        host, hint = towards or target.name, _ssh_hint(target, str(error))
        raise ConnectionFailed(f"{refusals.place(target, towards)}: {said}", host=host, hint=hint) from error
    except (OSError, EOFError) as error:
        raise refusals.unreachable(target, _reason(error), towards) from error


def _is_silence(error: paramiko.SSHException) -> bool:
    """Whether the greeting was waited for in vain; where Paramiko has waited for that no longer than for all of the handshake, it
    goes on without one."""
    return str(error) == "No existing session" or ("banner" in str(error) and isinstance(error.__context__, TimeoutError))


def _reason(error: OSError | EOFError) -> str:
    """What the system said; Paramiko has that for each address that it tried, behind a number that is none."""
    tried: dict[object, OSError] = getattr(error, "errors", {})
    said = dict.fromkeys(each.strerror or str(each) for each in tried.values())
    return " and ".join(said) or str(error) or type(error).__name__


def _ssh_hint(target: Target, message: str) -> str:
    if "No authentication methods" in message:
        make = f"`ssh-keygen -t ed25519` makes one, and `{refusals.by_hand(target, 'ssh-copy-id')}` puts it onto the host"
        return f"there is no key to log in with: load yours into your SSH agent (ssh-add); or, where you have none, {make}"
    if "banner" in message:
        return refusals.no_banner(target)
    return f"to see more: {refusals.by_hand(target, 'ssh -v')}"
