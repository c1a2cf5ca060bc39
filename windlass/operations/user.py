"""Accounts of people and services."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from windlass.errors import InventoryError
from windlass.operations.operation import Operation
from windlass.values import Secret

# As crypt(5) makes them, locked or not; or what no password fits.
_HASH: Final = re.compile(r"[!*]*(\$[0-9a-z]+\$[^\s:]+|[./0-9A-Za-z]{13})|[!*]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class User(Operation):
    """An account. What is None or empty is left as it is, or as the system makes it.

    uid            number
    group          name of the primary group; empty makes one of the user's own name for a new account
    groups         further groups the user must be in; None leaves them alone
    only_groups    the user is in no others than `groups`
    home           home directory; an existing one is not moved
    shell          login shell
    comment        full name
    system         a new account gets a number of the system's range
    create_home    make the home directory if it is missing
    password_hash  as in /etc/shadow (`openssl passwd -6`); a new account without one can log in by key only
    password_once  the hash is for a new account; whoever changes their password keeps it
    locked         no password logs in any more (keys still do); False lets the password count again
    expires        the last day of the account, "2027-06-30"; "never" takes an end away; keys are refused afterwards, too
    absent         there should be no such account
    remove_home    with `absent`: the home directory goes, too
    """

    family: ClassVar[str] = "user"

    name: str
    uid: int | None = None
    group: str = ""
    groups: tuple[str, ...] | None = None
    only_groups: bool = False
    home: str = ""
    shell: str = ""
    comment: str | None = None
    system: bool = False
    create_home: bool = True
    password_hash: Secret | None = None
    password_once: bool = False
    locked: bool | None = None
    expires: str = ""
    absent: bool = False
    remove_home: bool = False

    def __post_init__(self) -> None:
        try:
            self._days()
        except ValueError:
            raise InventoryError(
                f"user {self.name} cannot expire on {self.expires!r}", hint='write "2027-06-30", or "never"'
            ) from None
        if self.password_hash is not None and not _HASH.fullmatch(self.password_hash.reveal()):
            raise InventoryError(
                f"what user {self.name} is to have as a password hash is none: it would be kept as it is, for all programs to read",
                hint="openssl passwd -6 makes one of a password",
            )

    def arguments(self) -> Mapping[str, object]:
        return {**Operation.arguments(self), "expires_days": self._days()}

    def _days(self) -> str:
        """As /etc/shadow counts them; nothing for an account without an end."""
        if self.expires in ("", "never"):
            return ""
        return str((dt.date.fromisoformat(self.expires) - dt.date(1970, 1, 1)).days)

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}user {self.name}"
