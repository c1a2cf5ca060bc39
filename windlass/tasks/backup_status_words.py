"""What is said of how backups stand: a table for a person, an object for machines, figures for Prometheus."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from windlass.errors import BackupError
from windlass.flows.backups.standing import Standing
from windlass.inventory.stores import BY_DIRECTORY, label
from windlass.plans.standing import sparkline, unproven_for
from windlass.report.metrics import Sample, exposition, write_metrics
from windlass.report.prose import prose
from windlass.report.tables import table
from windlass.tasks.door import Outcome
from windlass.values import human_bytes

HOUR, DAY = 3600.0, 86400.0

HELPS: Final = {
    "windlass_backup_ok": "1 if nothing is wrong with the backups of a database in a store.",
    "windlass_backup_store_up": "1 if the store could be read.",
    "windlass_backup_last_success_timestamp_seconds": "When the data of the newest good backup was taken.",
    "windlass_backup_age_seconds": "How old the data of the newest good backup is.",
    "windlass_backup_rpo_seconds": "How old it may be.",
    "windlass_backup_good": "How many good backups there are.",
    "windlass_backup_raw_bytes": "Size of the newest good dump before compression.",
    "windlass_backup_stored_bytes": "Size of the newest good dump as it is stored.",
    "windlass_backup_duration_seconds": "How long the newest good backup took.",
    "windlass_backup_last_attempt_timestamp_seconds": "When a backup was last begun from this machine.",
    "windlass_backup_last_attempt_success": "1 if that came to a backup.",
    "windlass_backup_proven_timestamp_seconds": "When a drill last proved a backup.",
    "windlass_backup_proven_age_seconds": "How long ago that was.",
    "windlass_backup_rto_seconds": "How long that drill took.",
    "windlass_backup_next_run_timestamp_seconds": "When a backup is made next by this machine.",
    "windlass_backup_status_timestamp_seconds": "When these figures were written.",
}


def stood(found: Sequence[Standing]) -> Outcome:
    """Databases by stores, and below it what is wrong."""
    stores = any(each.store != BY_DIRECTORY for each in found)
    head = ["", "backup", *(["store"] if stores else []), "age/RPO", "size", "trend", "proven", "next due (UTC)"]
    lines = [table(head, [_row(each, stores=stores) for each in found])]
    lines += [prose([f"{label(each.name, each.store)}: {text}"]) for each in found for text in each.wrong]
    failing = [each for each in found if each.wrong]
    said = "is not as it should be" if len(failing) == 1 else "are not as they should be"
    error = BackupError(f"{len(failing)} of {len(found)} backups {said}", hint=_way_out(failing)) if failing else None
    return Outcome(result={"backups": [_described(each) for each in found]}, text="\n".join(lines), error=error)


def _way_out(failing: Sequence[Standing]) -> str:
    """What to type for what is wrong, as far as one command is all that it takes."""
    facts = [each.facts for each in failing if not each.facts.silent]
    old = any(each.age is None or (each.rpo and each.age > each.rpo) for each in facts)
    unproven = any(each.age is not None and unproven_for(each) for each in facts)
    ways = [*(["invoke backup makes one now"] if old else []), *(["invoke backup.drill proves the newest"] if unproven else [])]
    return ", ".join(ways) or "docs/backup.md says what each of these means"


def metrics(found: Sequence[Standing], environment: str, path: Path, now: datetime) -> None:
    """Write the figures. Raises BackupError."""
    samples = [Sample("windlass_backup_status_timestamp_seconds", now.timestamp(), {"environment": environment})]
    for each in found:
        labels = {"environment": environment, "name": each.name, "store": each.store}
        samples += [Sample(f"windlass_backup_{name}", value, labels) for name, value in _figures(each).items()]
    try:
        write_metrics(path.expanduser(), exposition(samples, HELPS))
    except OSError as error:
        raise BackupError(
            f"cannot write {path}: {error.strerror}", hint="--metrics names a file in a folder that exists"
        ) from error


def _row(each: Standing, *, stores: bool) -> list[str]:
    facts = each.facts
    change = f" {facts.change:+.0%}".replace("%", " %") if facts.change is not None else ""
    return [
        "BAD" if each.wrong else "ok",
        each.name,
        *([each.store] if stores else []),
        "?" if facts.silent else _age(facts.age, facts.rpo),
        human_bytes(each.newest.manifest.stored_bytes) if each.newest else "",
        f"{sparkline(facts.sizes)}{change}",
        "?" if facts.silent else _ago(facts.proven, facts.now),
        f"{each.due:%m-%d %H:%M}" if each.due else "not from here",
    ]


def _age(age: float | None, rpo: float) -> str:
    """`20/26 h`, `3/7 d`; an age is rounded up, so that it never looks younger than it is."""
    if age is None:
        return "none"
    unit, word = (HOUR, "h") if max(age, rpo) < 3 * DAY else (DAY, "d")
    return f"{math.ceil(age / unit)}/{rpo / unit:g} {word}" if rpo else f"{math.ceil(age / unit)} {word}"


def _ago(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "never"
    age = (now - moment).total_seconds()
    return f"{age / HOUR:.0f} h ago" if age < 2 * DAY else f"{age / DAY:.0f} d ago"


def _described(each: Standing) -> dict[str, Any]:
    facts, newest, tried = each.facts, each.newest, each.tried
    return {
        "name": each.name,
        "store": each.store,
        "ok": not each.wrong,
        "wrong": list(each.wrong),
        "newest": newest.id if newest else None,
        "taken": facts.taken.isoformat() if facts.taken else None,
        "age_seconds": facts.age,
        "rpo_seconds": facts.rpo,
        "good": each.good,
        "raw_bytes": newest.manifest.raw_bytes if newest else None,
        "stored_bytes": newest.manifest.stored_bytes if newest else None,
        "size_change": facts.change,
        "proven": facts.proven.isoformat() if facts.proven else None,
        "rto_seconds": each.rto,
        "tried": tried.started.isoformat() if tried else None,
        "failing_since": facts.failing.isoformat() if facts.failing else None,
        "runs_by": each.by,
        "next_due": each.due.isoformat() if each.due else None,
        "store_read": not facts.silent,
    }


def _figures(each: Standing) -> dict[str, float | None]:
    facts, newest, tried = each.facts, each.newest, each.tried
    manifest = newest.manifest if newest else None
    return {
        "ok": float(not each.wrong),
        "store_up": float(not facts.silent),
        "last_success_timestamp_seconds": _stamp(facts.taken),
        "age_seconds": facts.age,
        "rpo_seconds": facts.rpo or None,
        "good": None if facts.silent else float(each.good),
        "raw_bytes": float(manifest.raw_bytes) if manifest else None,
        "stored_bytes": float(manifest.stored_bytes) if manifest else None,
        "duration_seconds": (manifest.ended - manifest.started).total_seconds() if manifest else None,
        "last_attempt_timestamp_seconds": _stamp(tried.started) if tried else None,
        "last_attempt_success": float(not tried.failed) if tried and tried.ended else None,
        "proven_timestamp_seconds": _stamp(facts.proven),
        "proven_age_seconds": (facts.now - facts.proven).total_seconds() if facts.proven else None,
        "rto_seconds": each.rto,
        "next_run_timestamp_seconds": _stamp(each.due),
    }


def _stamp(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None
