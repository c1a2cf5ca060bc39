"""Which backups stay and which go, and why.

A slot is held by the newest good backup of its hour, day, week, month or year, in UTC; only days, weeks and so on that have a good
backup count, so that a database which is no longer backed up keeps what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from windlass.values import seconds

if TYPE_CHECKING:
    from windlass.inventory import Keep

# A database's host whose clock is a little ahead of ours does not make backups of the future.
CLOCKS_MAY_DIFFER: Final = timedelta(minutes=10)

_PERIODS: Final[tuple[tuple[str, str], ...]] = (
    ("hourly", "%Y-%m-%d %H h"),
    ("daily", "%Y-%m-%d"),
    ("weekly", "%G-W%V"),
    ("monthly", "%Y-%m"),
    ("yearly", "%Y"),
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A backup as retention sees it.

    taken      when its snapshot was taken
    verified   its stored bytes were decoded to the end; only such a backup is a good one
    proven     it was restored and found complete
    held       why it stays whatever the policy says, if something else says so
    suspicious why it is not believed to hold all there was; such a one is never a good one
    """

    id: str
    taken: datetime
    verified: bool
    proven: bool = False
    held: str = ""
    suspicious: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one backup, with every reason there is."""

    id: str
    keep: bool
    reasons: tuple[str, ...]


def believed(taken: datetime, started: datetime, ended: datetime) -> datetime:
    """When a snapshot was taken that the database's host dates so, in a run that the controller dates so.

    If the clocks differ the later one counts: with the earlier one the newest backup might pass for an old one, and be dropped.
    """
    if started - CLOCKS_MAY_DIFFER <= taken <= ended + CLOCKS_MAY_DIFFER:
        return taken
    return max(taken, started)


def retention(backups: Iterable[Candidate], keep: Keep, now: datetime) -> tuple[Decision, ...]:
    """Decide for every backup, oldest first, which is the order to delete in.

    The newest good one and the newest proven one always stay. What is dated in the future neither counts nor goes, what
    was never verified fills no slot, an empty policy drops nothing, and nothing is dropped while the newest looks wrong.
    """
    ordered = sorted(backups, key=lambda each: (each.taken, each.id), reverse=True)
    good = [each for each in ordered if each.verified and each.taken <= now]
    reasons = {each.id: _own_reasons(each, good, now) for each in ordered}
    for held, reason in _held(good, keep):
        reasons[held].append(reason)
    pause = _pause(ordered, keep, now)
    return tuple(_decision(each, reasons[each.id], pause, good, keep) for each in reversed(ordered))


def _decision(each: Candidate, reasons: Sequence[str], pause: str, good: Sequence[Candidate], keep: Keep) -> Decision:
    if reasons:
        return Decision(each.id, keep=True, reasons=tuple(reasons))
    if pause:
        return Decision(each.id, keep=True, reasons=(pause,))
    if not each.verified:
        return Decision(each.id, keep=False, reasons=(f"never verified, and {good[0].id} is good and newer",))
    return Decision(each.id, keep=False, reasons=(f"no slot holds it ({_worded(keep)})",))


def _own_reasons(each: Candidate, good: Sequence[Candidate], now: datetime) -> list[str]:
    """Why a backup stays whatever the policy says."""
    if each.taken > now:
        return ["dated in the future: neither counted nor dropped"]
    if each.held and not each.verified:
        return [each.held]
    if not each.verified and not (good and good[0].taken > each.taken):
        return ["not verified, but no good one is newer"]
    found = [each.held] if each.held else []
    found += ["the newest good one"] if good and each == good[0] else []
    if each == next((candidate for candidate in good if candidate.proven), None):
        found.append("the newest proven one")
    return found


def _held(good: Sequence[Candidate], keep: Keep) -> Iterable[tuple[str, str]]:
    """Every slot that is held: by which backup, and what it is called."""
    for number, each in enumerate(good[: keep.last], start=1):
        yield each.id, f"last {number} of {keep.last}"
    for number, each in enumerate(good[: keep.at_least] if keep.at_least > 1 else (), start=1):
        yield each.id, f"at least {number} of {keep.at_least}"
    for each in good if keep.within else ():
        if good[0].taken - each.taken <= timedelta(seconds=seconds(keep.within)):
            yield each.id, f"within {keep.within} of the newest"
    for word, form in _PERIODS:
        slots = _newest_of_each(good, lambda each, form=form: each.taken.astimezone(UTC).strftime(form))  # type: ignore[misc]
        for name, each in slots[: getattr(keep, word)]:
            yield each.id, f"{word} {name}"


def _newest_of_each(good: Sequence[Candidate], name_of: Callable[[Candidate], str]) -> list[tuple[str, Candidate]]:
    """The newest backup of each period that has one, newest period first."""
    slots: dict[str, Candidate] = {}
    for each in good:
        slots.setdefault(name_of(each), each)
    return list(slots.items())


def _pause(ordered: Sequence[Candidate], keep: Keep, now: datetime) -> str:
    """Why nothing at all may be dropped; empty if nothing speaks against it."""
    if not _worded(keep):
        return "the policy is empty, so nothing is dropped"
    newest = next((each for each in ordered if each.taken <= now and (each.verified or each.suspicious)), None)
    if newest and newest.suspicious and not newest.verified:
        return f"nothing is dropped while the newest, {newest.id}, is suspicious: {newest.suspicious}"
    return ""


def _worded(keep: Keep) -> str:
    counts = {word: getattr(keep, word) for word in ("last", *(word for word, _form in _PERIODS))}
    words = [f"{count} {word}" for word, count in counts.items() if count]
    return ", ".join([*words, *([f"within {keep.within}"] if keep.within else [])])
