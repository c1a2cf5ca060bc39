"""Accounts of people and services."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from windlass.operations.operation import Operation
from windlass.values import Secret


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
    absent: bool = False
    remove_home: bool = False

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}user {self.name}"
