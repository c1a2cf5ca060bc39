"""What comes of making, proving and restoring backups: results for machines, and the same for a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from windlass.errors import FlowFailed, WindlassError
from windlass.flows.backups.backup import BackedUp
from windlass.flows.backups.drill import Drilled
from windlass.flows.backups.holdings import Verified
from windlass.flows.backups.restore import Restored
from windlass.flows.backups.restore_part import PartRestored
from windlass.inventory import Backup
from windlass.inventory.stores import label
from windlass.plans.restoration import Wish
from windlass.report.prose import near, prose
from windlass.tasks.door import Outcome
from windlass.values import counted, human_bytes, human_seconds

Done = TypeVar("Done")


def backed_up(entries: Sequence[Backup], flow: Callable[[Backup], BackedUp]) -> Outcome:
    """Back up one after another."""
    done, failed = _each(entries, flow)
    result = {"backups": [_plain(one) for one in done], "failed": {name: error.message for name, error in failed.items()}}
    return Outcome(result=result, text=prose(map(_backed_up, done)), error=_together(failed, len(entries), "backed up"))


def drilled(entries: Sequence[Backup], flow: Callable[[Backup], Drilled]) -> Outcome:
    """Prove one after another."""
    done, failed = _each(entries, flow)
    result = {
        "drills": [{"name": one.name, **one.proof.model_dump(mode="json")} for one in done],
        "failed": {name: error.message for name, error in failed.items()},
    }
    return Outcome(result=result, text=prose(map(_drilled, done)), error=_together(failed, len(entries), "proven"))


def _each(entries: Sequence[Backup], flow: Callable[[Backup], Done]) -> tuple[list[Done], dict[str, WindlassError]]:
    """What came of each database, or why nothing did; one that fails does not keep the others from it, not even by a fault of ours,
    which is raised when all had their turn."""
    done: list[Done] = []
    failed: dict[str, WindlassError] = {}
    faults: list[Exception] = []
    for entry in entries:
        try:
            done.append(flow(entry))
        except WindlassError as error:
            failed[label(entry.name, entry.store)] = error
        except Exception as fault:
            faults.append(fault)
    if faults:
        raise faults[0]
    return done, failed


def _plain(done: BackedUp | Restored) -> dict[str, Any]:
    """The members as JSON takes them."""
    return asdict(done) | {"taken": done.taken.isoformat()}


def _together(failed: dict[str, WindlassError], count: int, word: str) -> WindlassError | None:
    """The error itself where there was only one thing to do."""
    if count == 1 or not failed:
        return next(iter(failed.values()), None)
    return FlowFailed(
        f"{len(failed)} of {count} were not {word}: {', '.join(failed)}",
        hosts={name: error.message for name, error in failed.items()},
        partly=len(failed) < count,
        hint="; ".join(dict.fromkeys(error.hint for error in failed.values() if error.hint)),
        last_lines=[f"{name}: {line}" for name, error in failed.items() for line in (error.message, *error.last_lines)],
    )


def _backed_up(done: BackedUp) -> str:
    steps = ", ".join(f"{name} {human_seconds(spent)}" for name, spent in done.seconds.items() if spent >= 0.05)
    size = f"{human_bytes(done.raw_bytes)}, stored as {human_bytes(done.stored_bytes)}"
    rows = f"{_rows_in_tables(done.rows, done.tables)}, " if done.database else ""
    lines = [
        f"{done.name} {done.id}: {rows}{size}, verified",
        *(f"with {part}" for part in done.parts),
        f"it is in {near(done.place)}; took {human_seconds(sum(done.seconds.values()))} ({steps})",
        *([f"removed: {', '.join(done.pruned.dropped)}"] if done.pruned.dropped else []),
    ]
    return "\n".join(lines)


def _drilled(done: Drilled) -> str:
    proof = done.proof
    steps = ", ".join(f"{name} {human_seconds(spent)}" for name, spent in proof.seconds.items())
    hashed = f" ({proof.hashed} tables by the hash of their rows)" if proof.hashed else ""
    proven = [
        *([f"{_rows_in_tables(proof.rows, proof.tables)} are those of its snapshot{hashed}"] if proof.server_version else []),
        *(f"{name} {said}" for name, said in proof.checks.items()),
        *([f"{len(proof.smoke)} of {len(proof.smoke)} smoke questions gave true"] if proof.smoke else []),
        *(f"all {entries} entries of {name} came back" for name, entries in proof.parts.items()),
    ]
    lines = [
        f"{done.name} {proof.backup} is proven: {', and '.join(proven)}",
        f"getting it back took {human_seconds(proof.rto_minutes * 60)} ({steps})",
        f"its data was {human_seconds(proof.rpo_minutes * 60)} old: what was written since then would have been lost",
        *(f"in the database itself: {note}" for note in proof.notes),
    ]
    return "\n".join(lines)


def explained(lines: tuple[str, ...]) -> Outcome:
    """What a restore would do."""
    return Outcome(result={"explanation": list(lines)}, text=prose([*lines, "nothing was changed"]))


def restored(done: Restored, wish: Wish) -> Outcome:
    """What a restore did."""
    state = f"as it was on {done.taken:%Y-%m-%d %H:%M:%S} UTC"
    if done.table:
        lines = [f"{done.table} is in {done.database} on {done.host} {state}: {counted(done.rows, 'row')}"]
    else:
        rows = _rows_in_tables(done.rows, done.tables)
        lines = [f"{done.database} on {done.host} holds {done.name} {state}: {rows}, counted and equal"]
    if done.before:
        lines.append(f"the swap took {done.milliseconds:.0f} ms; the database that was live is {done.before}")
        lines.append(f"when you no longer need it: dropdb {done.before} (as postgres on {done.host})")
    elif not wish.table and not wish.swap:
        lines.append("the live database is untouched; --swap lets a restored one take its place")
    if done.roles:
        lines.append(f"roles that {done.host} did not have were made: {', '.join(done.roles)}")
    lines.append(f"took {human_seconds(sum(done.seconds.values()))}")
    return Outcome(result=_plain(done), text=prose(lines))


def part_restored(done: PartRestored) -> Outcome:
    """A part that was brought back beside what is there."""
    lines = [
        f"{done.path} on {done.host} holds {done.part} of {done.name} as it was on {done.taken:%Y-%m-%d %H:%M:%S} UTC",
        f"{done.entries} entries came out, as many as went in",
        *done.next_steps,
        f"took {human_seconds(sum(done.seconds.values()))}",
    ]
    return Outcome(result=asdict(done) | {"taken": done.taken.isoformat()}, text=prose(lines))


def verified(done: Verified) -> Outcome:
    """A stored backup that is good."""
    if done.decoded:
        size = f"{human_bytes(done.stored_bytes)} decode to {human_bytes(done.raw_bytes)}"
    else:
        size = f"{human_bytes(done.stored_bytes)} have their checksum (with --identity they are decoded, too)"
    return Outcome(result=asdict(done), text=f"{done.name} {done.id} is good: {size}, in {human_seconds(done.seconds)}")


def _rows_in_tables(rows: int, tables: int) -> str:
    return f"{counted(rows, 'row')} in {counted(tables, 'table')}"
