"""How all backups stand, database by database and store by store; only a store on another host asks that host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from windlass.errors import WindlassError
from windlass.flows.backups.attempts import Attempt, last
from windlass.flows.backups.holdings import holding
from windlass.flows.backups.schedule import By, next_run, scheduled_by
from windlass.plans.standing import Facts, wrong
from windlass.stores.manifest import Proof
from windlass.stores.proofs import UNSIGNED
from windlass.stores.published import Stored
from windlass.values import seconds

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Backup


@dataclass(frozen=True, slots=True)
class Standing:
    """The backups of one database in one store.

    newest  the newest good one
    good    how many good ones there are
    rto     seconds that the last drill which succeeded took
    tried   the last run
    by      what runs it on this machine, or nothing; `due` is when
    wrong   what somebody should see to
    """

    name: str
    store: str
    facts: Facts
    newest: Stored | None
    good: int
    rto: float | None
    tried: Attempt | None
    by: By | None
    due: datetime | None
    wrong: tuple[str, ...]


def standings(workspace: Workspace, entries: Sequence[Backup], now: datetime) -> tuple[Standing, ...]:
    """How each of them stands in the store that it means. A store that cannot be read is one of the things that are wrong."""
    by = scheduled_by(workspace)
    return tuple(_standing(workspace, entry, by.get(entry.name), now) for entry in entries)


def _standing(workspace: Workspace, entry: Backup, by: By | None, now: datetime) -> Standing:
    backups, odd, silent = _read(workspace, entry)
    good = [each for each in backups if each.verified]
    drills = sorted((proof for each in backups for proof in each.proofs if proof.kind == "drill"), key=lambda proof: proof.at)
    proven = max((proof for each in good for proof in each.proofs if _proves(proof)), key=lambda proof: proof.at, default=None)
    tried = last(workspace, entry, "backup")
    facts = Facts(
        now=now,
        taken=good[-1].manifest.taken if good else None,
        sizes=tuple(each.manifest.raw_bytes for each in good),
        suspicious="; ".join(backups[-1].manifest.suspicious) if backups else "",
        proven=proven.at if proven else None,
        undrilled=_said(drills[-1]) if drills and not drills[-1].passed else "",
        failing=tried.failing if tried else None,
        failed=tried.failed if tried else "",
        unended=tried.started if tried and _never_ended(tried, entry, now) else None,
        silent=silent,
        odd=odd,
        rpo=_limit(entry.rpo),
        proven_within=_limit(entry.proven_within),
    )
    return Standing(
        name=entry.name,
        store=entry.store,
        facts=facts,
        newest=good[-1] if good else None,
        good=len(good),
        rto=proven.rto_minutes * 60 if proven else None,
        tried=tried,
        by=by,
        due=next_run(entry, by, now) if by else None,
        wrong=wrong(facts),
    )


def _read(workspace: Workspace, entry: Backup) -> tuple[Sequence[Stored], tuple[str, ...], str]:
    """The backups, what is odd about them, and why they could not be read."""
    try:
        held = holding(workspace, entry)
    except WindlassError as error:
        return (), (), error.message
    except OSError as error:
        return (), (), str(error.strerror or error)
    odd = [f"{each.id}: {each.doubt or each.lacks}" for each in held.backups if each.doubt or each.lacks]
    odd += [f"{each.id}: {file}: {why}" for each in held.backups for file, why in each.doubted.items() if why != UNSIGNED]
    odd += [f"{folder} is not a backup: {why}" for folder, why in held.unreadable.items()]
    return held.backups, tuple(odd), held.failure


def _proves(proof: Proof) -> bool:
    return proof.kind == "drill" and proof.passed


def _said(proof: Proof) -> str:
    return proof.failure or "; ".join(proof.differences) or "it differs"


def _never_ended(tried: Attempt, entry: Backup, now: datetime) -> bool:
    limit = timedelta(seconds=_limit(entry.time_limit) or timedelta(days=1).total_seconds())
    return tried.ended is None and now - tried.started > limit


def _limit(text: str) -> float:
    return seconds(text) if text else 0.0
