"""Reading a host's PostgreSQL: which databases there are, dumps that stream out, dumps that are checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from windlass.operations.operation import LocalFile, Operation

LONG = 12 * 3600.0  # seconds; a limit for what grows with the database


@dataclass(frozen=True, slots=True, kw_only=True)
class Databases(Operation):
    """Ask which databases there are.

    Data: `databases` (each with `name`, `owner`, `bytes`, `connections`), `server_version`, `extensions` (that could be installed);
    `free_bytes` where they are stored, `drill_free_bytes` where scratch servers are.
    """

    family: ClassVar[str] = "database"

    def title(self) -> str:
        return "look at the databases"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump(Operation):
    """Dump a database through zstd to the controller, as stream `stream`, or in parts to where it says; memory stays the same.

    The rows of every table are counted in the snapshot that is dumped. Fails if pg_dump or zstd fails, wherever it had got.
    With `recipients` (age's public keys) what is sent is encrypted to them. As nobody on the host can read that, what goes into
    age is decoded to its end meanwhile: `decoded_bytes` came out; `plain_sha256` and `plain_bytes` are of what went into age.

    hash_bytes   tables that take at most so much of the disk have their rows hashed, in the same snapshot
    Data: `sha256` and `stored_bytes` of what was sent (in parts: `pieces` and `piece_bytes`), `raw_bytes` before compression,
    `inner` (how pg_dump compressed, if it did), `seconds`; `tables` (rows by name), `hashes` (by name), `sequences_behind`,
    `invalid_indexes`;
    `taken` (seconds since 1970 of the snapshot); `owner`, `encoding`, `collate`, `ctype`, `provider`, `locale`, `access`,
    `settings`, `connection_limit`, `extensions`, `roles`, `large_objects`, `bytes`; `server_version` and `pg_dump`.
    """

    family: ClassVar[str] = "database"

    database: str
    hash_bytes: int = 0
    stream: int = 1
    recipients: tuple[str, ...] = ()
    limit_seconds: float = LONG

    def title(self) -> str:
        return f"dump {self.database}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpGlobals(Operation):
    """Send what belongs to all databases of the server (roles, tablespaces) in the same way, as stream `stream`.

    Data: `sha256`, `stored_bytes`, `raw_bytes`, `seconds`; with recipients `plain_sha256` and `plain_bytes`.
    """

    family: ClassVar[str] = "database"

    stream: int = 1
    recipients: tuple[str, ...] = ()
    limit_seconds: float = 600.0

    def title(self) -> str:
        return "dump roles and tablespaces"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyDump(Operation):
    """Decode a stored dump to its end on the host, without it landing on a disk there. Data: `raw_bytes`."""

    family: ClassVar[str] = "database"

    content: LocalFile
    limit_seconds: float = LONG

    def title(self) -> str:
        return "decode the dump to its end"
