"""Backups by themselves: entries for cron or systemd on the machine that the backups run from, and what they missed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from windlass.errors import BackupError
from windlass.flows.backups.attempts import last
from windlass.flows.backups.crontab import crontab_lines, in_crontab, put_crontab
from windlass.flows.backups.last_good import keep
from windlass.flows.backups.store_opening import open_store
from windlass.flows.backups.timers import in_timers, lingers, put_timers, units
from windlass.plans.calendar import calendar, following, previous
from windlass.plans.dueness import GRACE, Due, due

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Backup

By = Literal["cron", "systemd"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """What cron or systemd has, or is to have, for one environment.

    lines    the lines of the crontab, or of the units, those behind each other with the name of the file before each
    changed  whether anything had to be changed, or would have to
    notes    what a person should know
    """

    lines: tuple[str, ...]
    changed: bool
    by: By = "cron"
    notes: tuple[str, ...] = ()


def schedule(
    workspace: Workspace, entries: Sequence[Backup], by: By = "cron", *, remove: bool = False, check: bool = False
) -> Schedule:
    """Write the entries of an environment for cron or systemd, and take those for the other out; nothing else is touched.

    Each entry runs one backup with the Python that runs now. With `remove` both are taken out, with `check` nothing is
    written. Raises BackupError, and UsageError for a schedule that has no one meaning.
    """
    for entry in entries:
        calendar(entry.schedule)
    table = crontab_lines(workspace, entries) if by == "cron" and not remove else ()
    files = units(workspace, entries) if by == "systemd" and not remove else {}
    changed = _put_crontab(workspace, table, check=check)
    changed = put_timers(workspace, files, check=check) or changed
    if not (remove or check):
        keep(workspace)
    lines = table or tuple(line for name, text in files.items() for line in (f"{name}:", *text.splitlines()))
    return Schedule(lines, changed, by, () if remove else _notes(by))


def _put_crontab(workspace: Workspace, lines: Sequence[str], *, check: bool) -> bool:
    """A machine without cron has no entries of ours in its crontab."""
    if lines:
        return put_crontab(workspace, lines, check=check)
    with suppress(BackupError):
        return put_crontab(workspace, lines, check=check)
    return False


def _notes(by: By) -> tuple[str, ...]:
    if by == "systemd":
        return () if lingers() else ("they run only while you are logged in, until you type: loginctl enable-linger",)
    offset = datetime.now(UTC).astimezone().strftime("%z")
    return () if offset == "+0000" else (f"cron follows this machine's clock, which is UTC{offset}; --with systemd follows UTC",)


def scheduled_by(workspace: Workspace) -> dict[str, By]:
    """Which backups are run by what on this machine."""
    found: dict[str, By] = dict.fromkeys(in_crontab(workspace), "cron")
    return found | dict.fromkeys(in_timers(workspace), "systemd")


def next_run(entry: Backup, by: By, now: datetime) -> datetime:
    """When a backup runs next, in UTC."""
    times = calendar(entry.schedule)
    return following(times, now) if by == "systemd" else _from_wall(following(times, _wall(now)))


def missed(workspace: Workspace, entry: Backup, now: datetime) -> Due:
    """Whether cron's last run of a backup, in the store that the entry means, has to be made up for.

    A store that does not answer now says so in the run.
    """
    scheduled = _from_wall(previous(calendar(entry.schedule), _wall(now - GRACE)))
    noted = last(workspace, entry, "backup")
    return due(scheduled, noted.started if noted else _newest(workspace, entry), now)


def _newest(workspace: Workspace, entry: Backup) -> datetime | None:
    with suppress(BackupError):
        return max((each.manifest.started for each in open_store(workspace, entry).listing(entry.name).backups), default=None)
    return None


def _wall(moment: datetime) -> datetime:
    """What this machine's clock on the wall shows then."""
    return moment.astimezone().replace(tzinfo=None)


def _from_wall(shown: datetime) -> datetime:
    return shown.astimezone(UTC)
