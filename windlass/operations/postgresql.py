"""Roles, databases, extensions and settings of a PostgreSQL server on the host."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from windlass.errors import InventoryError
from windlass.operations.operation import Operation
from windlass.values import Secret

# A single text with commas would be one name for these, quotes and all.
_LISTS: Final = (
    "shared_preload_libraries",
    "session_preload_libraries",
    "local_preload_libraries",
    "search_path",
    "temp_tablespaces",
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresExtension(Operation):
    """An extension in a database. The package that brings its files has to be there.

    database  in which
    version   this one; empty: the newest that the server has when it is made, and then whichever there is
    absent    it should not be there; what depends on it keeps it from going, and that is said
    port      of the server's unix socket
    """

    family: ClassVar[str] = "postgresql"

    name: str
    database: str
    version: str = ""
    absent: bool = False
    port: int = 5432

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}PostgreSQL extension {self.name} in {self.database}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresSetting(Operation):
    """A setting of the whole server, kept by ALTER SYSTEM, and read at once. PostgreSQL itself says whether the value is good.

    Some settings count only after a restart. That is said, on each run until it is done; a restart is for you to ask for:
    `Service(name="postgresql", restart_on=(setting,))`.

    name    such as "shared_buffers"
    value   a text with its unit ("256MB"), a number, True or False; several texts for a list such as shared_preload_libraries
    absent  what ALTER SYSTEM set is taken back; the configuration files then decide
    port    of the server's unix socket
    """

    family: ClassVar[str] = "postgresql"

    name: str
    value: str | float | bool | tuple[str, ...] = ""
    absent: bool = False
    port: int = 5432

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)?", self.name):
            raise InventoryError(f"{self.name!r} cannot name a setting of PostgreSQL", hint='for example "shared_buffers"')
        if self.name in _LISTS and isinstance(self.value, str) and "," in self.value:
            raise InventoryError(f"{self.name} is a list", hint='give several texts: value=("pg_stat_statements", "auto_explain")')

    def title(self) -> str:
        return f"PostgreSQL setting {self.name}{' as configured' if self.absent else f' = {self.words()}'}"

    def words(self) -> str:
        """The value as PostgreSQL shows it."""
        return ", ".join(self._values())

    def arguments(self) -> Mapping[str, object]:
        return {"name": self.name.lower(), "values": self._values(), "absent": self.absent, "port": self.port}

    def _values(self) -> tuple[str, ...]:
        if isinstance(self.value, tuple):
            return self.value
        return ({True: "on", False: "off"}[self.value] if isinstance(self.value, bool) else str(self.value),)
