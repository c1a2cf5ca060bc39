"""Which backup is meant, and which ones are passed over for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from windlass.errors import RefusedError, UsageError
from windlass.stores.manifest import is_id
from windlass.stores.published import Listing, Stored

if TYPE_CHECKING:
    from windlass.inventory import Backup
    from windlass.stores.store import Store


def pick(store: Store, entry: Backup, wanted: str = "", *, damaged: bool = False) -> Stored:
    """The backup whose id begins with `wanted`, or the newest good one; with `damaged` also one whose bytes are not good, by id.

    Raises UsageError when there is none or when several fit, RefusedError for one whose bytes are not good or whose manifest was
    changed. Without `wanted` none is passed over in silence: a newer one that is doubted has to be looked at first.
    """
    listing = store.listing(entry.name)
    if not wanted:
        newest = listing.newest()
        _refuse_doubted(_later(listing.backups, newest) if newest else listing.backups)
        if newest is None:
            raise UsageError(f"there is no good backup of {entry.name} in {store.place}", hint="make one: invoke backup")
        return newest
    fitting = [each for each in listing.backups if each.id.startswith(wanted)]
    if len(fitting) != 1:
        what = f"{len(fitting)} backups of {entry.name} begin" if fitting else f"no backup of {entry.name} begins"
        raise UsageError(f"{what} with {wanted!r}", hint="invoke backup.list shows what there is")
    _refuse_doubted(fitting)
    if not (fitting[0].whole or damaged):
        why = fitting[0].lacks or "its bytes are not those that were written"
        raise RefusedError(f"{fitting[0].id} is not good: {why}", hint="choose another one")
    return fitting[0]


def passed_over(listing: Listing, picked: Stored) -> Iterator[str]:
    """What is newer than the newest good one and is not taken, each with why."""
    for each in _later(listing.backups, picked):
        if each.whole and each.foreign:
            yield f"a newer one of the environment {each.foreign} is passed over, say --backup {each.id} to have that"
        elif each.whole and each.manifest.suspicious:
            yield f"a newer one is passed over, say --backup {each.id} to have that: {'; '.join(each.manifest.suspicious)}"
        elif not each.whole:
            yield f"a newer one is passed over, {each.id}: {each.lacks or 'its bytes are not those that were written'}"
    for name, why in listing.unreadable.items():
        if is_id(name) and name.rpartition("-")[0] > _second(picked):
            yield f"a newer one is passed over, {name}: {why}"


def _later(backups: Sequence[Stored], than: Stored) -> list[Stored]:
    """Those that are newer, by their data or by their names: a manifest that was changed may say anything of the former. Of one
    second only the data tells, for names end in chance."""
    return [each for each in backups if each.manifest.taken > than.manifest.taken or _second(each) > _second(than)]


def _second(stored: Stored) -> str:
    return stored.id.rpartition("-")[0]


def _refuse_doubted(backups: Sequence[Stored]) -> None:
    for each in backups:
        if each.doubt:
            hint = "find out who did that; --backup chooses another one, `signers` in the inventory says whose keys are believed"
            raise RefusedError(f"{each.id}: {each.doubt}", hint=hint)
