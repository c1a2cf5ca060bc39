"""Roles of a PostgreSQL server on the host."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from windlass.errors import InventoryError
from windlass.operations.operation import Operation
from windlass.operations.postgresql import LISTS, Value, check_setting, texts_of
from windlass.values import Secret

ATTRIBUTES: Final = ("SUPERUSER", "CREATEDB", "CREATEROLE", "INHERIT", "LOGIN", "REPLICATION", "BYPASSRLS")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresRole(Operation):
    """A role: somebody who logs in, or a group. What is None or empty is left as it is, or as PostgreSQL makes it.

    The password itself never reaches the server: its SCRAM verifier is made here and compared with the one that is there.

    password          printable ASCII; None leaves it alone (without one, only the host's own rules let the role in)
    attributes        as PostgreSQL calls them: CREATEDB, NOCREATEDB, …; LOGIN unless NOLOGIN is given
    connection_limit  how many at once; -1 for any number
    valid_until       when the password ends, "2027-06-30" or "2027-06-30 12:00+00"; "infinity" takes an end away
    member_of         groups it must be in
    only_member_of    it is in no others; with an empty `member_of` in none at all
    settings          what its sessions begin with, {"statement_timeout": "30s"}; several texts for a list such as search_path;
                      None takes a setting back; others stay
    absent            there should be no such role; one that owns anything, or has privileges, is refused
    port              of the server's unix socket
    """

    family: ClassVar[str] = "postgres_role"

    name: str
    password: Secret | None = None
    attributes: tuple[str, ...] = ()
    connection_limit: int | None = None
    valid_until: str = ""
    member_of: tuple[str, ...] = ()
    only_member_of: bool = False
    settings: Mapping[str, Value | None] = field(default_factory=dict)
    absent: bool = False
    port: int = 5432

    def __post_init__(self) -> None:
        if self.password is not None and not re.fullmatch(r"[\x20-\x7e]+", self.password.reveal()):
            raise InventoryError(
                f"the password of the PostgreSQL role {self.name} is empty or has characters other than printable ASCII",
                hint="choose one of letters, digits and signs that every keyboard has",
            )
        words = self._attributes()
        for word in words:
            if word.removeprefix("NO") not in ATTRIBUTES or f"NO{word}" in words:
                raise InventoryError(
                    f"{word} is not an attribute of PostgreSQL roles, or is there both ways",
                    hint=f"of {', '.join(ATTRIBUTES)}, each with or without NO in front",
                )
        for name, value in self.settings.items():
            check_setting(name, value)

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}PostgreSQL role {self.name}"

    def arguments(self) -> Mapping[str, object]:
        """The fields, settings as texts, and the attributes with LOGIN."""
        settings = {name.lower(): None if value is None else texts_of(value) for name, value in self.settings.items()}
        return {**Operation.arguments(self), "attributes": self._attributes(), "settings": settings, "lists": LISTS}

    def _attributes(self) -> tuple[str, ...]:
        words = tuple(word.upper() for word in self.attributes)
        return words if {"LOGIN", "NOLOGIN"} & set(words) else ("LOGIN", *words)
