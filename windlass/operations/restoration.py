"""Bringing dumps back: beside what is there, in its place, or one table of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from windlass.operations.database import LONG
from windlass.operations.operation import LocalFile, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore(Operation):
    """Restore a dump into a database that does not exist yet; taken away again if that fails.

    database   the new database
    source     what the manifest says of the dumped one: owner, encoding, locale, access, settings
    Data: `tables` (rows by name, counted afterwards), `seconds`.
    """

    family: ClassVar[str] = "restoration"

    content: LocalFile
    database: str
    source: Mapping[str, object] = field(default_factory=dict)
    limit_seconds: float = LONG

    def title(self) -> str:
        return f"restore into {self.database}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeRoles(Operation):
    """Make the roles of a backup's globals that the server does not have, with passwords, settings and memberships.

    Roles that are there stay as they are. Data: `made`, the names of those that were not.
    """

    family: ClassVar[str] = "restoration"

    content: LocalFile
    limit_seconds: float = 600.0

    def title(self) -> str:
        return "make the roles that are missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreTable(Operation):
    """Bring one table back into an existing database, by way of a whole restore that is taken away afterwards.

    into      the existing database
    passing   the database made for the time of it; must not exist yet
    table     `name` or `schema.name`, as the database spells them
    beside    the schema that the table goes to, with its rows but without indexes and constraints; empty brings it back
              in its own place, all of it, which fails if it is there
    Data: `table` (where it is now), `rows`, `seconds`.
    """

    family: ClassVar[str] = "restoration"

    content: LocalFile
    into: str
    passing: str
    table: str
    beside: str = ""
    source: Mapping[str, object] = field(default_factory=dict)
    limit_seconds: float = LONG

    def title(self) -> str:
        return f"restore the table {self.table}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap(Operation):
    """Rename `database` to `before` and `restored` to `database`, both or neither; ends the connections to both.

    Data: `milliseconds`.
    """

    family: ClassVar[str] = "restoration"

    database: str
    restored: str
    before: str

    def title(self) -> str:
        return f"{self.restored} takes the place of {self.database}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HasTable(Operation):
    """Ask whether a table is in a database. Data: `found`: its quoted name with schema, empty if it is not there."""

    family: ClassVar[str] = "restoration"

    database: str
    table: str

    def title(self) -> str:
        return f"look for the table {self.table}"
