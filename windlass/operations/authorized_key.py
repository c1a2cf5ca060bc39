"""SSH keys that may log in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.operation import Operation

_KEY = re.compile(r"(?:^|\s)((?:sk-)?(?:ssh|ecdsa)-[a-zA-Z0-9@.-]+)\s+([A-Za-z0-9+/]+={0,3})(?:\s|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizedKey(Operation):
    """A public key in a user's authorized_keys; others stay. `~/.ssh` is made 0700, the file 0600, both the user's.

    Keys are the same if type and key agree: a changed comment or changed options replace the line, they do not add one.

    key     a line as in a .pub file, options before it allowed
    absent  the key should not be there
    """

    family: ClassVar[str] = "authorized_key"

    user: str
    key: str
    absent: bool = False

    def __post_init__(self) -> None:
        _check(self.key, self.user)

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}SSH key {_short(self.key)} of {self.user}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizedKeys(Operation):
    """All public keys of a user: every other key in the user's authorized_keys goes.

    keys             lines as in a .pub file; none of them lets nobody log in by key
    confirm_seconds  above 0 they may be the keys with which the controller itself comes in: if one of them goes, the host puts it
                     back unless a new login confirms the change in that time, see `Guarded`
    """

    family: ClassVar[str] = "authorized_key"

    user: str
    keys: tuple[str, ...]
    confirm_seconds: float = 0.0

    def __post_init__(self) -> None:
        for key in self.keys:
            _check(key, self.user)

    def title(self) -> str:
        return f"all SSH keys of {self.user}"


def _check(key: str, user: str) -> None:
    if not _KEY.search(key) or "\n" in key.strip():
        raise InventoryError(
            f"{key[:40]!r} is not an SSH public key (for {user})",
            hint="give one line as in a .pub file: type, key, comment",
        )


def _short(key: str) -> str:
    """The comment, or the key's end, for the title."""
    match = _KEY.search(key)
    return (key[match.end() :].strip() or f"{match[1]} …{match[2][-12:]}") if match else key[:40]
