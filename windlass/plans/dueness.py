"""Whether a scheduled run has to be made up for because nobody was there to start it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

GRACE: Final = timedelta(minutes=10)
"""So long after its time a run may still begin by itself; only then it counts as missed."""


@dataclass(frozen=True, slots=True)
class Due:
    """Whether to run now, with the reason in words."""

    run: bool
    reason: str


def due(scheduled: datetime, last: datetime | None, now: datetime) -> Due:
    """Decide about the last scheduled time that is at least `GRACE` ago; `last` is when a run last began, however it ended.

    A time that was missed is made up for once: a run that fails is not tried again before its next time, which is when
    somebody has been told. A clock that went back makes nothing due.
    """
    if last is None:
        return Due(run=True, reason="no run was ever begun here")
    if last > now:
        return Due(run=False, reason=f"a run began at {_said(last)}, in the future of this clock")
    if last < scheduled:
        return Due(run=True, reason=f"the run of {_said(scheduled)} was missed: the last one began at {_said(last)}")
    return Due(run=False, reason=f"a run began at {_said(last)}, and none was due since {_said(scheduled)}")


def _said(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
