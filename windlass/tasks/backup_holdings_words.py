"""What is said of the backups that there are: results for machines, and the same for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from windlass.errors import BackupError, WindlassError
from windlass.flows.backups.holdings import Holding, Pruned
from windlass.inventory.stores import BY_DIRECTORY, label
from windlass.report.prose import near, prose
from windlass.report.tables import table
from windlass.stores.published import Stored
from windlass.tasks.door import Outcome
from windlass.values import counted, human_bytes, human_seconds


def listed(found: Sequence[Holding], now: datetime, limit: float, *, reasons: bool) -> Outcome:
    """All backups of some databases; `limit` are the seconds that the newest data may be old, 0 for any."""
    stores = any(each.store != BY_DIRECTORY for each in found)
    head = [
        "backup",
        *(["store"] if stores else []),
        "id",
        "taken (UTC)",
        "size",
        "rows",
        "verified",
        "proven",
        *(["why"] if reasons else []),
    ]
    rows = [_row(each, stored, reasons=reasons, stores=stores) for each in found for stored in each.backups]
    lines = [table(head, rows)] if rows else []
    lines += [prose([f"{label(each.name, each.store)}: {said}"]) for each in found for said in _remarks(each)]
    return Outcome(
        result={"backups": [_described(each, now) for each in found]},
        text="\n".join(lines),
        error=_too_old(found, now, limit) or _unread(found),
    )


def _remarks(each: Holding) -> Iterator[str]:
    """What there is to say about it besides its backups."""
    if each.failure:
        yield each.failure
    elif not each.backups:
        yield f"no backups yet in {near(each.place)}"
    yield from (f"{stored.id}: {stored.doubt or stored.lacks}" for stored in each.backups if stored.doubt or stored.lacks)
    for stored in each.backups:
        yield from (f"{stored.id}: {file} does not count: {why}" for file, why in stored.doubted.items())
    for stored in each.backups:
        yield from (f"{stored.id} is suspicious: {why}" for why in stored.manifest.suspicious)
    yield from (f"{folder} is not a backup: {why}" for folder, why in each.unreadable.items())


def _row(each: Holding, stored: Stored, *, reasons: bool, stores: bool) -> list[str]:
    manifest, drill = stored.manifest, stored.drill
    proven = "never"
    if drill is not None:
        told = f"in {human_seconds(drill.rto_minutes * 60)}" if drill.passed else "FAILED"
        proven = f"{drill.at:%Y-%m-%d} {told}"
    decision = each.decisions[stored.id]
    why = f"{'' if decision.keep else 'GOES: '}{'; '.join(decision.reasons)}"
    return [
        each.name,
        *([each.store] if stores else []),
        stored.id,
        f"{manifest.taken:%Y-%m-%d %H:%M}",
        human_bytes(manifest.stored_bytes),
        str(manifest.rows),
        "yes" if stored.verified else "NO",
        proven,
        *([why] if reasons else []),
    ]


def _described(each: Holding, now: datetime) -> dict[str, Any]:
    age = each.age(now)
    return {
        "name": each.name,
        "store": each.store,
        "place": each.place,
        "age_seconds": age.total_seconds() if age is not None else None,
        "failure": each.failure,
        "unreadable": dict(each.unreadable),
        "backups": [
            {
                "id": stored.id,
                "taken": stored.manifest.taken.isoformat(),
                "raw_bytes": stored.manifest.raw_bytes,
                "stored_bytes": stored.manifest.stored_bytes,
                "parts": {name: part.stored_bytes for name, part in stored.manifest.parts.items()},
                "tables": len(stored.manifest.tables),
                "rows": stored.manifest.rows,
                "verified": stored.verified,
                "signed": stored.signed,
                "pinned": stored.pin.words if stored.pin else "",
                "doubt": stored.doubt,
                "lacking": list(stored.lacking),
                "doubted_proofs": dict(stored.doubted),
                "foreign": stored.foreign,
                "suspicious": list(stored.manifest.suspicious),
                "proven": stored.proven,
                "drill": stored.drill.model_dump(mode="json") if stored.drill else None,
                "keep": each.decisions[stored.id].keep,
                "reasons": list(each.decisions[stored.id].reasons),
            }
            for stored in each.backups
        ],
    }


def _too_old(found: Sequence[Holding], now: datetime, limit: float) -> WindlassError | None:
    lines = []
    for each in found:
        age = each.age(now)
        if each.failure:
            lines.append(f"{label(each.name, each.store)}: {each.failure}")
        elif age is None:
            lines.append(f"{label(each.name, each.store)}: there is no good backup")
        elif age.total_seconds() > limit:
            lines.append(f"{label(each.name, each.store)}: the newest good backup is {human_seconds(age.total_seconds())} old")
    if not limit or not lines:
        return None
    return BackupError(
        lines[0], last_lines=lines, hint="does the schedule still run? invoke backup.schedule --check says, and its log"
    )


def _unread(found: Sequence[Holding]) -> WindlassError | None:
    lines = [f"{label(each.name, each.store)}: {each.failure}" for each in found if each.failure]
    return BackupError(lines[0], last_lines=lines, hint="what the others hold is listed") if lines else None


def pinned(name: str, stored: Stored) -> Outcome:
    """A backup that stays, or no longer has to."""
    words = stored.pin.words if stored.pin else "no longer pinned"
    return Outcome(
        result={"name": name, "id": stored.id, "pinned": stored.pin is not None}, text=prose([f"{name} {stored.id}: {words}"])
    )


def pruned(found: dict[str, Pruned], *, check: bool) -> Outcome:
    """What retention let go, or would."""
    lines = []
    for name, each in found.items():
        word = "would go" if check else "went"
        lines.append(f"{name}: {each.kept} {'stays' if each.kept == 1 else 'stay'}, {len(each.dropped)} {word}")
        lines += [f"  {backup}: {'; '.join(reasons)}" for backup, reasons in each.dropped.items()]
    failed = {f"{name} {backup}": message for name, each in found.items() for backup, message in each.failed.items()}
    error = left(Pruned(failed=failed))
    return Outcome(result={"backups": {name: asdict(each) for name, each in found.items()}}, text=prose(lines), error=error)


def left(done: Pruned) -> BackupError | None:
    """What could not be removed, as an error."""
    lines = [f"{backup}: {message}" for backup, message in done.failed.items()]
    hint = "they stay as they are, and the next prune tries again"
    return BackupError(f"{counted(len(lines), 'backup')} could not be removed", last_lines=lines, hint=hint) if lines else None
