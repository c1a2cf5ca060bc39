"""Databases, schemas, extensions and settings of a PostgreSQL server on the host."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from windlass.errors import InventoryError
from windlass.operations.operation import Operation

# A single text with commas would be one name for these, quotes and all.
LISTS: Final = (
    "shared_preload_libraries",
    "session_preload_libraries",
    "local_preload_libraries",
    "search_path",
    "temp_tablespaces",
)

Value = str | float | bool | tuple[str, ...]


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
class PostgresSchema(Operation):
    """A schema in a database. Nothing in it is ever dropped.

    database  in which
    owner     whose it is
    port      of the server's unix socket
    """

    family: ClassVar[str] = "postgresql"

    name: str
    database: str
    owner: str
    port: int = 5432

    def title(self) -> str:
        return f"PostgreSQL schema {self.name} in {self.database}"


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
    value: Value = ""
    absent: bool = False
    port: int = 5432

    def __post_init__(self) -> None:
        check_setting(self.name, self.value)

    def title(self) -> str:
        return f"PostgreSQL setting {self.name}{' as configured' if self.absent else f' = {self.words()}'}"

    def words(self) -> str:
        """The value as PostgreSQL shows it."""
        return ", ".join(texts_of(self.value))

    def arguments(self) -> Mapping[str, object]:
        return {"name": self.name.lower(), "values": texts_of(self.value), "lists": LISTS, "absent": self.absent, "port": self.port}


def check_setting(name: str, value: object) -> None:
    """Raises InventoryError for what names no setting, and for a list in one text."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)?", name):
        raise InventoryError(f"{name!r} cannot name a setting of PostgreSQL", hint='for example "shared_buffers"')
    if name in LISTS and isinstance(value, str) and "," in value:
        raise InventoryError(f"{name} is a list", hint='give several texts: ("pg_stat_statements", "auto_explain")')


def texts_of(value: Value) -> tuple[str, ...]:
    """A setting's value as PostgreSQL writes it, one text for each element of a list."""
    if isinstance(value, tuple):
        return value
    return ({True: "on", False: "off"}[value] if isinstance(value, bool) else str(value),)
