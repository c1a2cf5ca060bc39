"""Proving a backup by restoring it where it can harm nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from windlass.operations.database import LONG
from windlass.operations.operation import LocalFile, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill(Operation):
    """Restore a dump into a PostgreSQL of its own on the host, ask it questions, and take it away whatever happens.

    The server is new, reached by no network, and knows the roles by name only.

    source      what the manifest says of the dumped database
    hashed      tables whose rows are hashed
    smoke       questions that must give true
    jobs        how many tables are restored at once
    Data: `tables` (rows by name), `hashes`, `amcheck` (lines of pg_amcheck about damage; None where it is not there),
    `sequences_behind`, `invalid_indexes`, `smoke` (pairs of question and what it gave), `server_version`, and `seconds` of `fetch`,
    `start`, `restore` and `check`.
    """

    family: ClassVar[str] = "drill"

    content: LocalFile
    source: Mapping[str, object] = field(default_factory=dict)
    hashed: tuple[str, ...] = ()
    smoke: tuple[str, ...] = ()
    jobs: int = 2
    limit_seconds: float = LONG

    def title(self) -> str:
        return "restore into a scratch server"
