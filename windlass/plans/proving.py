"""What a drill's findings come to: what is wrong with the backup, what was wrong before it was made, which targets were missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from windlass.plans.restoration import differences
from windlass.values import human_seconds, seconds


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of a database at one moment: when it was dumped, or when it had been restored.

    tables             rows by table
    hashes             of the rows of some tables
    sequences_behind   that have not come as far as the column that takes its numbers from them
    invalid_indexes    that PostgreSQL does not use; a dump leaves them out
    """

    tables: Mapping[str, int] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    sequences_behind: Sequence[str] = ()
    invalid_indexes: Sequence[str] = ()


def deviations(dumped: Snapshot, restored: Snapshot, damage: Sequence[str] | None) -> tuple[str, ...]:
    """What a restored copy is not, or has too much, one line each; `damage` are pg_amcheck's lines, None if it could not look.

    What was behind or invalid when it was dumped is no fault of the backup; see `weaknesses`.
    """
    rows = differences(dumped.tables, restored.tables)
    wrong = {table for table, found in dumped.hashes.items() if restored.hashes.get(table, found) != found}
    same_count = sorted(table for table in wrong if dumped.tables.get(table) == restored.tables.get(table))
    return (
        *rows,
        *(f"{table} has as many rows as it should, and other ones" for table in same_count),
        *(f"the sequence {each}, behind the highest" for each in restored.sequences_behind if each not in dumped.sequences_behind),
        *(f"the index {each} is not valid" for each in restored.invalid_indexes),
        *(f"pg_amcheck: {line.strip()}" for line in damage or ()),
    )


def weaknesses(dumped: Snapshot) -> tuple[str, ...]:
    """What was not right in the database itself when it was dumped."""
    return (
        *(f"the sequence {each}, behind the highest: the next row may fail" for each in dumped.sequences_behind),
        *(f"the index {each} is not valid in the database itself: it is not in the backup" for each in dumped.invalid_indexes),
    )


@dataclass(frozen=True, slots=True)
class Targets:
    """How many seconds getting it back may take, and how old the data may be; 0 for any."""

    rto: float = 0.0
    rpo: float = 0.0

    @classmethod
    def of(cls, rto: str, rpo: str) -> Targets:
        """As the inventory has them: `4h`; an empty one is for any."""
        return cls(*(seconds(limit) if limit else 0.0 for limit in (rto, rpo)))


def missed(targets: Targets, took: float, age: float | None) -> tuple[str, ...]:
    """Targets that were missed; `took` and `age` in seconds, `age` None where an older backup was asked for on purpose."""
    lines = []
    if targets.rto and took > targets.rto:
        lines.append(f"getting it back took {human_seconds(took)}, and rto is {human_seconds(targets.rto)}")
    if targets.rpo and age is not None and age > targets.rpo:
        lines.append(f"its data was {human_seconds(age)} old, and rpo is {human_seconds(targets.rpo)}")
    return tuple(lines)
