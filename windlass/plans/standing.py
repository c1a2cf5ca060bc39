"""How the backups of a database stand in one store: facts in, what is wrong out, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Final

from windlass.plans.shrinkage import FEWEST, USUAL
from windlass.values import human_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of the backups of one database in one store.

    taken        when the data of the newest good one was taken
    sizes        of the good ones, before compression, oldest first
    suspicious   why one that is newer than all good ones is not a good one
    proven       when a drill last succeeded
    undrilled    what the last drill said, if it failed after that
    failing      when making one first failed, if none was made since; `failed` is why the last one did
    unended      when a run began that never ended and whose time is over
    silent       why the store could not be read; then nothing else is known of it
    odd          what lies there and cannot be believed or understood
    rpo          seconds that the data may be old; 0 for any age
    proven_within  seconds since the last drill that succeeded; 0 for any
    """

    now: datetime
    taken: datetime | None = None
    sizes: tuple[int, ...] = ()
    suspicious: str = ""
    proven: datetime | None = None
    undrilled: str = ""
    failing: datetime | None = None
    failed: str = ""
    unended: datetime | None = None
    silent: str = ""
    odd: tuple[str, ...] = ()
    rpo: float = 0.0
    proven_within: float = 0.0

    @property
    def age(self) -> float | None:
        """Seconds; None where there is no good one."""
        return (self.now - self.taken).total_seconds() if self.taken else None

    @property
    def change(self) -> float | None:
        """The newest size against the median of those before it: 0.03 is 3 % more. None where too few are known."""
        before = self.sizes[-USUAL - 1 : -1]
        usual = median(before) if len(before) >= FEWEST else 0
        return self.sizes[-1] / usual - 1 if usual else None


def wrong(facts: Facts) -> tuple[str, ...]:
    """All that somebody should see to; empty where all is well."""
    found = list(_of_runs(facts))
    if facts.silent:
        return (f"the store cannot be read: {facts.silent}", *found)
    return (*_of_age(facts), *unproven_for(facts), *found, *facts.odd)


def _of_age(facts: Facts) -> Sequence[str]:
    if facts.age is None:
        return ["there is no good backup"]
    found = []
    if facts.rpo and facts.age > facts.rpo:
        found.append(f"the newest good backup is {human_seconds(facts.age)} old, and {human_seconds(facts.rpo)} are allowed")
    if facts.suspicious:
        found.append(f"the newest backup is suspicious: {facts.suspicious}")
    return found


def unproven_for(facts: Facts) -> Sequence[str]:
    """Why nothing that is young enough proves them; nothing where something does."""
    if facts.undrilled:
        return [f"the last drill failed: {facts.undrilled}"]
    if not facts.proven_within or facts.age is None:
        return []
    if facts.proven is None:
        return ["no drill has proven any of them"]
    since = (facts.now - facts.proven).total_seconds()
    if since > facts.proven_within:
        return [f"the last proof is {human_seconds(since)} old, and {human_seconds(facts.proven_within)} are allowed"]
    return []


def _of_runs(facts: Facts) -> Sequence[str]:
    if facts.failing:
        return [f"failing since {facts.failing:%Y-%m-%d %H:%M} UTC: {facts.failed}"]
    if facts.unended:
        return [f"a run began at {facts.unended:%Y-%m-%d %H:%M} UTC and never ended"]
    return []


_BARS: Final = "▁▂▃▄▅▆▇█"


def sparkline(sizes: Sequence[int], count: int = 8) -> str:
    """The last sizes as little bars, the biggest the highest; nothing where there are fewer than two."""
    shown = sizes[-count:]
    if len(shown) < 2:
        return ""
    top = max(*shown, 1)
    return "".join(_BARS[round(size / top * (len(_BARS) - 1))] for size in shown)
