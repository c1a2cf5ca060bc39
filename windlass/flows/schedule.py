"""Backups by themselves: entries in the crontab of whoever types, on the machine that the backups run from."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from windlass.errors import BackupError

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Backup

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LOG_LINES = 20  # of a failed run, which cron sends by mail


@dataclass(frozen=True, slots=True)
class Schedule:
    """What the crontab has, or is to have, for one environment. `changed` says whether it had to be changed, or would have to."""

    lines: tuple[str, ...]
    changed: bool


def schedule(workspace: Workspace, entries: Sequence[Backup], *, remove: bool = False, check: bool = False) -> Schedule:
    """Write the entries of an environment into the crontab, or take them out; everything else in it stays as it is.

    Each entry runs one backup with the Python that runs now, never twice at once, with its output in a file in the project's
    `.windlass/backups`; when it fails, cron mails the end of that. With `check` nothing is written. Raises BackupError.
    """
    folder = workspace.project / ".windlass" / "backups"
    lines = () if remove else tuple(_line(workspace, entry, folder) for entry in entries)
    before = _read()
    after = with_block(before, f"{workspace.environment.name}{' (lab)' if workspace.lab else ''} of {workspace.project}", lines)
    if after != before and not check:
        folder.mkdir(parents=True, exist_ok=True)
        _write(after)
    return Schedule(lines, after != before)


def with_block(table: str, subject: str, lines: Sequence[str]) -> str:
    """A crontab in which the block about a subject has these lines; no lines, no block. The rest is not touched."""
    begin, end = f"# >>> windlass backups: {subject}", f"# <<< windlass backups: {subject}"
    kept: list[str] = []
    inside = False
    for line in table.splitlines():
        inside = inside or line == begin
        if not inside:
            kept.append(line)
        inside = inside and line != end
    if inside:
        raise BackupError(f"the crontab has {begin!r} without its end", hint="put the end back or take the begin away: crontab -e")
    block = [begin, *lines, end] if lines else []
    return "".join(f"{line}\n" for line in [*kept, *block])


def _line(workspace: Workspace, entry: Backup, folder: Path) -> str:
    """One entry. Cron reads `%` as the end of the command unless it is escaped."""
    environment = workspace.environment.name
    base = folder / f"{environment}-{entry.name}"
    log, lock = shlex.quote(f"{base}.log"), shlex.quote(f"{base}.lock")
    words = [sys.executable, "-m", "windlass.tasks.program", "backup.run", "--env", environment, "--name", entry.name]
    run = shlex.join([*words, *(["--lab"] if workspace.lab else [])])
    told = shlex.quote(f"the backup {entry.name} of {environment} failed, or the one before still runs; see {base}.log")
    command = (
        f"cd {shlex.quote(str(workspace.project))} && PATH={PATH} flock -n {lock} {run} >>{log} 2>&1 "
        f"|| {{ echo {told}; tail -n {LOG_LINES} {log}; }}"
    )
    return f"{entry.schedule} {command}".replace("%", r"\%")


def _read() -> str:
    done = _crontab("-l")
    if done.returncode == 0:
        return done.stdout
    if "no crontab" in done.stderr:
        return ""
    raise BackupError("the crontab cannot be read", last_lines=done.stderr.splitlines(), hint="may this user use cron?")


def _write(table: str) -> None:
    done = _crontab("-", given=table)
    if done.returncode != 0:
        raise BackupError("cron did not take the crontab; the old one stays", last_lines=done.stderr.splitlines())


def _crontab(argument: str, given: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["crontab", argument], input=given, capture_output=True, text=True, timeout=30, check=False)
    except FileNotFoundError:
        raise BackupError(
            "there is no cron on this machine", hint="apt-get install cron, on the machine that backups run from"
        ) from None
