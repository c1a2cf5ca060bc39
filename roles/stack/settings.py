"""The settings of the role stack; what they mean and their values are in defaults.yml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from windlass.inventory.schema import Entry, Matching, SecretReference

Variable = Annotated[str, Matching(r"[A-Za-z_][A-Za-z0-9_]*", "the name of a variable such as POSTGRES_PASSWORD")]
Line = Annotated[str, Matching(r"[^\n]*", "text on one line")]
Place = Annotated[str, Matching(r"/(?:[\w.-]+/)*[a-z0-9][a-z0-9_-]*", "a whole path whose last part Compose can call a project")]
Program = Annotated[str, Matching(r"[A-Za-z0-9/][A-Za-z0-9._/ -]*", "a program such as docker-compose or docker compose")]


class Settings(Entry):
    """See defaults.yml."""

    folder: str
    exclude: tuple[str, ...]
    clean: bool
    place: Place
    environment: Mapping[Variable, Line]
    secrets: Mapping[Variable, SecretReference]
    command: Program
    limit_seconds: float
