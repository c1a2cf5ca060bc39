"""What the tasks of `backup` say: results for machines, and the same for a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar

from windlass.errors import BackupError, FlowFailed, WindlassError
from windlass.flows.backup import BackedUp
from windlass.flows.drill import Drilled
from windlass.flows.holdings import Holding, Pruned, Verified
from windlass.flows.restore import Restored
from windlass.flows.schedule import Schedule
from windlass.inventory import Backup
from windlass.plans.restoration import Wish
from windlass.report.tables import table
from windlass.stores.manifest import Stored
from windlass.tasks.door import Outcome
from windlass.values import human_bytes, human_seconds

Done = TypeVar("Done")


def backed_up(entries: Sequence[Backup], flow: Callable[[Backup], BackedUp]) -> Outcome:
    """Back up one after another."""
    done, failed = _each(entries, flow)
    result = {"backups": [_plain(one) for one in done], "failed": {name: error.message for name, error in failed.items()}}
    return Outcome(result=result, text="\n".join(map(_backed_up, done)), error=_together(failed, len(entries), "backed up"))


def drilled(entries: Sequence[Backup], flow: Callable[[Backup], Drilled]) -> Outcome:
    """Prove one after another."""
    done, failed = _each(entries, flow)
    result = {
        "drills": [{"name": one.name, **one.proof.model_dump(mode="json")} for one in done],
        "failed": {name: error.message for name, error in failed.items()},
    }
    return Outcome(result=result, text="\n".join(map(_drilled, done)), error=_together(failed, len(entries), "proven"))


def _each(entries: Sequence[Backup], flow: Callable[[Backup], Done]) -> tuple[list[Done], dict[str, WindlassError]]:
    """What came of each database, or why nothing did; one that fails does not keep the others from it."""
    done: list[Done] = []
    failed: dict[str, WindlassError] = {}
    for entry in entries:
        try:
            done.append(flow(entry))
        except WindlassError as error:
            failed[entry.name] = error
    return done, failed


def _plain(done: BackedUp | Restored) -> dict[str, Any]:
    """The members as JSON takes them."""
    return asdict(done) | {"taken": done.taken.isoformat()}


def _together(failed: dict[str, WindlassError], count: int, word: str) -> WindlassError | None:
    """The error itself where there was only one thing to do."""
    if count == 1 or not failed:
        return next(iter(failed.values()), None)
    return FlowFailed(
        f"{len(failed)} of {count} databases were not {word}",
        hosts={name: error.message for name, error in failed.items()},
        partly=len(failed) < count,
        hint="; ".join(dict.fromkeys(error.hint for error in failed.values() if error.hint)),
        last_lines=[f"{name}: {line}" for name, error in failed.items() for line in (error.message, *error.last_lines)],
    )


def _backed_up(done: BackedUp) -> str:
    steps = ", ".join(f"{name} {human_seconds(spent)}" for name, spent in done.seconds.items() if spent >= 0.05)
    size = f"{human_bytes(done.raw_bytes)} of dump in {human_bytes(done.stored_bytes)}"
    lines = [
        f"{done.name} {done.id}: {done.rows} rows in {done.tables} tables, {size}, verified",
        f"it is in {done.place}; took {human_seconds(sum(done.seconds.values()))} ({steps})",
        *([f"let go: {', '.join(done.pruned.dropped)}"] if done.pruned.dropped else []),
    ]
    return "\n".join(lines)


def _drilled(done: Drilled) -> str:
    proof = done.proof
    steps = ", ".join(f"{name} {human_seconds(spent)}" for name, spent in proof.seconds.items())
    lines = [
        f"{done.name} {proof.backup} is proven: {proof.rows} rows in {proof.tables} tables are those of its snapshot"
        + (f", and {len(proof.smoke)} of {len(proof.smoke)} smoke questions gave true" if proof.smoke else ""),
        f"getting it back took {proof.rto_minutes:.2f} minutes ({steps})",
        f"its data was {human_seconds(proof.rpo_minutes * 60)} old: what was written since then would have been lost",
    ]
    return "\n".join(lines)


def listed(found: Sequence[Holding], now: datetime, limit: float, *, reasons: bool) -> Outcome:
    """All backups of some databases; `limit` are the seconds that the newest data may be old, 0 for any."""
    head = ["backup", "id", "taken (UTC)", "size", "rows", "verified", "proven", *(["why"] if reasons else [])]
    rows = [_row(each, stored, reasons=reasons) for each in found for stored in each.backups]
    lines = [table(head, rows)] if rows else []
    for each in found:
        if not each.backups:
            lines.append(f"{each.name}: no backups yet in {each.place}")
        lines += [f"{each.name}: {stored.id}: {stored.doubt}" for stored in each.backups if stored.doubt]
        lines += [f"{each.name}: {folder} is not a backup: {why}" for folder, why in each.unreadable.items()]
    return Outcome(
        result={"backups": [_described(each, now) for each in found]}, text="\n".join(lines), error=_too_old(found, now, limit)
    )


def _row(each: Holding, stored: Stored, *, reasons: bool) -> list[str]:
    manifest, drill = stored.manifest, stored.drill
    proven = "never"
    if drill is not None:
        told = f"in {human_seconds(drill.rto_minutes * 60)}" if drill.passed else "FAILED"
        proven = f"{drill.at:%Y-%m-%d} {told}"
    decision = each.decisions[stored.id]
    why = f"{'' if decision.keep else 'GOES: '}{'; '.join(decision.reasons)}"
    return [
        each.name,
        stored.id,
        f"{manifest.taken:%Y-%m-%d %H:%M}",
        human_bytes(manifest.dump.stored_bytes),
        str(manifest.rows),
        "yes" if stored.verified else "NO",
        proven,
        *([why] if reasons else []),
    ]


def _described(each: Holding, now: datetime) -> dict[str, Any]:
    age = each.age(now)
    return {
        "name": each.name,
        "place": each.place,
        "age_seconds": age.total_seconds() if age is not None else None,
        "unreadable": dict(each.unreadable),
        "backups": [
            {
                "id": stored.id,
                "taken": stored.manifest.taken.isoformat(),
                "raw_bytes": stored.manifest.dump.raw_bytes,
                "stored_bytes": stored.manifest.dump.stored_bytes,
                "tables": len(stored.manifest.tables),
                "rows": stored.manifest.rows,
                "verified": stored.verified,
                "signed": stored.signed,
                "pinned": stored.pin.words if stored.pin else "",
                "doubt": stored.doubt,
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
        if age is None:
            lines.append(f"{each.name}: there is no good backup")
        elif age.total_seconds() > limit:
            lines.append(f"{each.name}: the newest good backup is {human_seconds(age.total_seconds())} old")
    if not limit or not lines:
        return None
    return BackupError(lines[0], last_lines=lines, hint="does the schedule still run? see backup.schedule --check and its log")


def explained(lines: tuple[str, ...]) -> Outcome:
    """What a restore would do."""
    return Outcome(result={"explanation": list(lines)}, text="\n".join([*lines, "nothing was changed"]))


def restored(done: Restored, wish: Wish) -> Outcome:
    """What a restore did."""
    state = f"as it was on {done.taken:%Y-%m-%d %H:%M:%S} UTC"
    if done.table:
        lines = [f"{done.table} is in {done.database} {state}: {done.rows} rows"]
    else:
        lines = [f"{done.database} holds {done.name} {state}: {done.rows} rows in {done.tables} tables, counted and equal"]
    if done.before:
        lines.append(f"the swap took {done.milliseconds:.0f} ms; the database that was live is {done.before}")
        lines.append(f"when you no longer need it: dropdb {done.before} (as postgres on its host)")
    elif not wish.table and not wish.swap:
        lines.append("the live database is untouched; --swap lets a restored one take its place")
    lines.append(f"took {human_seconds(sum(done.seconds.values()))}")
    return Outcome(result=_plain(done), text="\n".join(lines))


def verified(done: Verified) -> Outcome:
    """A stored backup that is good."""
    if done.decoded:
        size = f"{human_bytes(done.stored_bytes)} decode to {human_bytes(done.raw_bytes)}"
    else:
        size = f"{human_bytes(done.stored_bytes)} have their checksum (with --identity they are decoded, too)"
    return Outcome(result=asdict(done), text=f"{done.name} {done.id} is good: {size}, in {human_seconds(done.seconds)}")


def pinned(name: str, stored: Stored) -> Outcome:
    """A backup that stays, or no longer has to."""
    words = stored.pin.words if stored.pin else "no longer pinned"
    return Outcome(result={"name": name, "id": stored.id, "pinned": stored.pin is not None}, text=f"{name} {stored.id}: {words}")


def pruned(found: dict[str, Pruned], *, check: bool) -> Outcome:
    """What retention let go, or would."""
    lines = []
    for name, each in found.items():
        word = "would go" if check else "went"
        lines.append(f"{name}: {each.kept} stay, {len(each.dropped)} {word}")
        lines += [f"  {backup}: {'; '.join(reasons)}" for backup, reasons in each.dropped.items()]
    failed = [f"{name}: {message}" for name, each in found.items() for message in each.failed.values()]
    error = BackupError(f"{len(failed)} backups could not be removed", last_lines=failed) if failed else None
    return Outcome(result={"backups": {name: asdict(each) for name, each in found.items()}}, text="\n".join(lines), error=error)


def scheduled(done: Schedule, *, check: bool) -> Outcome:
    """What the crontab has, or should have."""
    if check:
        state = "the crontab would be changed to:" if done.changed else "the crontab is as it should be:"
    else:
        state = "the crontab now has:" if done.changed else "the crontab had this already:"
    lines = [state, *(f"  {line}" for line in done.lines)] if done.lines else [_no_entries(done, check=check)]
    return Outcome(result={"lines": list(done.lines), "changed": done.changed}, text="\n".join(lines))


def _no_entries(done: Schedule, *, check: bool) -> str:
    if not done.changed:
        return "the crontab has no entries of this environment"
    return f"the entries of this environment {'would be' if check else 'were'} taken out of the crontab"
