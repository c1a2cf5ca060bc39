"""Roles and databases of a PostgreSQL server on the host."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.operation import Operation
from windlass.values import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresRole(Operation):
    """A role that may log in with this password. A role that is no owner of anything needs no more.

    The password itself never reaches the server: its SCRAM verifier is made here and compared with the one that is there.

    password  printable ASCII
    port      of the server's unix socket
    """

    family: ClassVar[str] = "postgresql"

    name: str
    password: Secret
    port: int = 5432

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\x20-\x7e]+", self.password.reveal()):
            raise InventoryError(
                f"the password of the PostgreSQL role {self.name} is empty or has characters other than printable ASCII",
                hint="choose one of letters, digits and signs that every keyboard has",
            )

    def title(self) -> str:
        return f"PostgreSQL role {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresDatabase(Operation):
    """A database in UTF-8, its owner, and extensions in it. Nothing in it is ever dropped.

    extensions  made by the superuser; further ones that are there stay
    port        of the server's unix socket
    """

    family: ClassVar[str] = "postgresql"

    name: str
    owner: str
    extensions: tuple[str, ...] = ()
    port: int = 5432

    def title(self) -> str:
        return f"PostgreSQL database {self.name}"
