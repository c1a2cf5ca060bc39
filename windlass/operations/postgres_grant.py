"""Privileges in a PostgreSQL server on the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from windlass.errors import InventoryError
from windlass.operations.operation import Operation

PRIVILEGES: Final[Mapping[str, tuple[str, ...]]] = {
    "database": ("CONNECT", "CREATE", "TEMPORARY"),
    "schema": ("USAGE", "CREATE"),
    "tables": ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"),
    "sequences": ("USAGE", "SELECT", "UPDATE"),
    "functions": ("EXECUTE",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresGrant(Operation):
    """Privileges that a role has on a database, a schema, or on what is in one. Others that it has stay.

    role        who; "public" is everybody
    privileges  as PostgreSQL calls them: ("SELECT", "INSERT"), or ("ALL",)
    objects     on what: "database", "schema", "tables" (views, too), "sequences" or "functions" (procedures, too)
    database    the database, or the one in which the others are
    schema      the schema, or the one in which the others are
    names       these alone, without their schema; otherwise all that are there when it is done
    future_of   and those, too, that this role makes from now on (default privileges)
    absent      the role should not have them; what it has by way of a group or of PUBLIC is not its own
    port        of the server's unix socket

    To read a table one needs USAGE on its schema as well.
    """

    family: ClassVar[str] = "postgres_grant"

    role: str
    privileges: tuple[str, ...]
    objects: str
    database: str
    schema: str = "public"
    names: tuple[str, ...] = ()
    future_of: str = ""
    absent: bool = False
    port: int = 5432

    def __post_init__(self) -> None:
        known = PRIVILEGES.get(self.objects)
        if known is None:
            raise InventoryError(f"privileges on {self.objects!r} are not known", hint=f"one of {', '.join(PRIVILEGES)}")
        unknown = [each for each in self._words() if each not in (*known, "ALL")]
        if unknown or not self.privileges:
            raise InventoryError(
                f"{unknown[0] if unknown else 'nothing'} cannot be granted on {self.objects}", hint=f"ALL, or of {', '.join(known)}"
            )
        if (self.names or self.future_of) and self.objects in ("database", "schema"):
            raise InventoryError(
                f"a grant on a {self.objects} has neither names nor future_of", hint="they are for what is in a schema"
            )
        if (self.role, self.objects, self.absent) == ("public", "functions", True) and self.future_of:
            raise InventoryError(
                "what everybody may do with future functions PostgreSQL keeps for all schemas together, not for one",
                hint="leave future_of out; ALTER DEFAULT PRIVILEGES without IN SCHEMA is for `Run` with psql",
            )
        if self.names and self.future_of:
            raise InventoryError(
                "what is made later has no names yet", hint="give one PostgresGrant with names, and one with future_of"
            )

    def title(self) -> str:
        place = self.database if self.objects == "database" else f"{self.database}.{self.schema}"
        what = ", ".join(self.names) or self.objects
        return f"{'no ' if self.absent else ''}{', '.join(self._words())} on {what} of {place} for {self.role}"

    def arguments(self) -> Mapping[str, object]:
        """The fields, each privilege by its one name."""
        return {**Operation.arguments(self), "privileges": self._words()}

    def _words(self) -> tuple[str, ...]:
        return tuple({"TEMP": "TEMPORARY"}.get(each.upper(), each.upper()) for each in self.privileges)
