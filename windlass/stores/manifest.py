"""What is written beside a backup: the manifest of what it is, proofs of what became of trying it. See docs/formats/backup.md."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from windlass.errors import BackupError
from windlass.plans.shrinkage import Extent

FORMAT: Final = 1
SEALED_FORMAT: Final = 2
BARE_FORMAT: Final = 3  # without a database, which every earlier version expects
DUMP: Final = "dump.zst"
GLOBALS: Final = "globals.sql.zst"
SEALED: Final = ".age"  # behind the names of parts that are encrypted
MANIFEST: Final = "manifest.json"
INSTRUCTIONS: Final = "RESTORE.md"
PIN: Final = "pin.json"
_ID: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}")


class Record(BaseModel):
    """Frozen; members that a later version added are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal[1] = FORMAT


class Piece(BaseModel):
    """One piece of a file, in which it went to its store."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sha256: str
    bytes: int


class Part(BaseModel):
    """One file of a backup. `seconds` is what making it took; `raw_bytes` is its size before compression.

    What is encrypted has `plain_sha256` and `plain_bytes` besides: those of the compressed stream that age was given.
    What went to its store in pieces says how big they were, all but the last, and has the checksum of each.

    kind      of what it is beside the database: an archive of a `directory` or of `configuration`, a `redis`; empty for the rest
    path      where that was, with `exclude` what was left out of it
    entries   members of the archive, or keys of the Redis
    inner     how pg_dump compressed it already, before zstd frames it; empty where it did not
    changed   what changed or vanished while it was read, as tar says it; at most a dozen lines
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    sha256: str
    stored_bytes: int
    raw_bytes: int
    seconds: float
    plain_sha256: str = ""
    plain_bytes: int = 0
    piece_bytes: int = 0
    pieces: tuple[Piece, ...] = ()
    kind: Literal["", "directory", "configuration", "redis"] = ""
    path: str = ""
    exclude: tuple[str, ...] = ()
    entries: int = 0
    inner: str = ""
    changed: tuple[str, ...] = ()


class Manifest(Record):
    """All that is known of a backup.

    taken         when the snapshot was taken that is in it: data written later is not
    verified_at   when its stored bytes were decoded to the end, None if they never were
    tables        rows of each table, counted in the same snapshot
    hashes        of the rows of the smaller tables, whatever their order, from the same snapshot
    source        what a dump leaves out: owner, encoding, locale, privileges and settings of the database, roles, extensions
    recipients    public keys of age that it is encrypted to; empty for one that is not. Such a one is of format 2, so that a
                  version which cannot read it says so; one without a database is of format 3
    suspicious    what of it is far smaller than usual; such a one is kept, and never a good one
    accepted      it is far smaller than usual, and a person said that this is right
    """

    format: Literal[1, 2, 3] = FORMAT  # type: ignore[assignment]
    id: str
    name: str
    environment: str
    host: str
    database: str
    operator: str
    started: AwareDatetime
    taken: AwareDatetime
    ended: AwareDatetime
    verified_at: AwareDatetime | None
    verify_seconds: float = 0.0
    server_version: str
    pg_dump: str
    windlass: str
    parts: Mapping[str, Part]
    tables: Mapping[str, int]
    hashes: Mapping[str, str] = {}
    source: Mapping[str, Any]
    recipients: tuple[str, ...] = ()
    suspicious: tuple[str, ...] = ()
    accepted: bool = False

    @property
    def dump(self) -> Part:
        """The database's part, where `database` says that there is one."""
        return self.parts[self.part(DUMP)]

    @property
    def extras(self) -> Mapping[str, str]:
        """What there is besides the database: file names by the short name that people say."""
        return {name.split(".")[0]: name for name, part in self.parts.items() if part.kind}

    @property
    def extent(self) -> Extent:
        """How much is in it, to compare others with. What pg_dump compressed by itself cannot be compared with what it did not."""
        sizes, counts = {}, dict.fromkeys(["rows"] if self.database else [], self.rows)
        for file, part in self.parts.items():
            name = file.split(".")[0]
            if name != "globals":
                sizes[f"{name} ({part.inner})" if part.inner else name] = part.raw_bytes
            if part.kind:
                counts[name] = max(0, part.entries - (part.kind == "directory"))  # the folder itself is one of its entries
        return Extent(sizes, counts, self.accepted)

    @property
    def stored_bytes(self) -> int:
        """Of all parts together; `raw_bytes` the same before compression."""
        return sum(part.stored_bytes for part in self.parts.values())

    @property
    def raw_bytes(self) -> int:
        return sum(part.raw_bytes for part in self.parts.values())

    def part(self, name: str) -> str:
        """What a part is called here."""
        return part_name(name, self.recipients)

    @property
    def rows(self) -> int:
        return sum(self.tables.values())


class Proof(Record):
    """What came of trying a backup: of decoding it (`verify`) or of restoring it (`drill`).

    rto_minutes   from the start of the drill to the last answer: fetching, starting a server, restoring, checking
    rpo_minutes   how old the data was then: what a loss at that moment would have cost
    differences   what was not as the manifest says; `failure` is why it broke off
    smoke         each question of the inventory with what it gave
    parts         entries of each folder, configuration or Redis that came back
    hashed        how many tables have been compared by the hash of their rows
    checks        what else was looked at, with what came of it: `amcheck`
    notes         what was not right in the database itself when it was dumped, and so is no fault of the backup
    missed        targets that the drill missed: it is proven, and takes too long or is too old
    """

    kind: Literal["verify", "drill"]
    backup: str
    at: AwareDatetime
    passed: bool
    operator: str
    host: str
    seconds: Mapping[str, float] = {}
    rto_minutes: float = 0.0
    rpo_minutes: float = 0.0
    tables: int = 0
    rows: int = 0
    differences: tuple[str, ...] = ()
    smoke: tuple[tuple[str, str], ...] = ()
    parts: Mapping[str, int] = {}
    hashed: int = 0
    checks: Mapping[str, str] = {}
    notes: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    rto_target_minutes: float = 0.0
    rpo_target_minutes: float = 0.0
    server_version: str = ""
    failure: str = ""


class Pin(Record):
    """Somebody's wish that a backup stays, with the reason."""

    at: AwareDatetime
    operator: str
    reason: str = ""

    @property
    def words(self) -> str:
        """As a reason why it stays."""
        return f"pinned by {self.operator} on {self.at:%Y-%m-%d}" + (f": {self.reason}" if self.reason else "")


def read_manifest(text: str | bytes) -> Manifest:
    """Raises BackupError for what is not a manifest of this format."""
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        raise BackupError(f"not a manifest: {_first(error)}", hint="was it written by a newer Windlass?") from None


def read_proof(text: str | bytes) -> Proof:
    """Raises BackupError for what is not a proof of this format."""
    try:
        return Proof.model_validate_json(text)
    except ValidationError as error:
        raise BackupError(f"not a proof: {_first(error)}") from None


def read_pin(text: str | bytes) -> Pin:
    """Raises BackupError for what is not a pin of this format."""
    try:
        return Pin.model_validate_json(text)
    except ValidationError as error:
        raise BackupError(f"not a pin: {_first(error)}") from None


def written(record: Record) -> str:
    """The text of a manifest, or of another record, as it is stored."""
    return record.model_dump_json(indent=2) + "\n"


def part_name(name: str, recipients: Collection[str]) -> str:
    """What a part is called: one that is encrypted says so."""
    return name + SEALED if recipients else name


def _first(error: ValidationError) -> str:
    fault = error.errors()[0]
    return f"{'.'.join(map(str, fault['loc'])) or 'the file'}: {fault['msg']}"


def is_id(name: str) -> bool:
    """Whether something is called as backups are."""
    return _ID.fullmatch(name) is not None


def stamp(moment: datetime) -> str:
    """A moment in UTC as it stands in names: sorts by time, has no colon."""
    return f"{moment:%Y%m%dT%H%M%SZ}"
