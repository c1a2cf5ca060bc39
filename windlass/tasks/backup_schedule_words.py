"""What is said of backups that run by themselves: results for machines, and the same for a person."""

from __future__ import annotations

from windlass.flows.backups.schedule import Schedule
from windlass.report.prose import prose
from windlass.tasks.door import Outcome


def scheduled(done: Schedule, *, check: bool) -> Outcome:
    """What cron or systemd has, or should have."""
    place = "the crontab" if done.by == "cron" else "systemd"
    if check:
        state = f"{place} would be changed to:" if done.changed else f"{place} is as it should be:"
    else:
        state = f"{place} now has:" if done.changed else f"{place} had this already:"
    lines = [state, *(f"  {line}" for line in done.lines)] if done.lines else [_no_entries(done, check=check)]
    result = {"by": done.by, "lines": list(done.lines), "changed": done.changed, "notes": list(done.notes)}
    return Outcome(result=result, text="\n".join([*lines, *(prose([f"note: {note}"]) for note in done.notes)]))


def _no_entries(done: Schedule, *, check: bool) -> str:
    if not done.changed:
        return "there are no entries of this environment"
    return f"the entries of this environment {'would be' if check else 'were'} taken out"
