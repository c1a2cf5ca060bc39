"""What is said of backups that run by themselves: results for machines, and the same for a person."""

from __future__ import annotations

from windlass.flows.schedule import Schedule
from windlass.tasks.door import Outcome


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
