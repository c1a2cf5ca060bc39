"""The block of an environment's backups in the crontab of whoever types."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING

from windlass.errors import BackupError
from windlass.flows.backups.attempts import home
from windlass.flows.program import PATH, run_command, subject
from windlass.values import seconds

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Backup

LOG_LINES = 20  # of a failed run, which cron sends by mail
ROTATED = 'find "$log" -size +2048 -exec mv -f "$log" "$log.1" \\; 2>/dev/null;'  # in half KiB: two files of a MiB at most stay
HOURLY, BOOTED = "17 * * * *", "@reboot sleep 120;"
KILLED_AFTER = 90  # seconds that a run has for clearing up when its time is over


def crontab_lines(workspace: Workspace, entries: Sequence[Backup]) -> tuple[str, ...]:
    """A line for each backup, and two for all of them: what was missed while the machine was off is made up for."""
    lines = [f"{entry.schedule} {_command(workspace, ('--name', entry.name), entry.name, _limit([entry]))}" for entry in entries]
    missed = _command(workspace, ("--if-missed",), "missed", _limit(entries))
    lines += [f"{when} {missed}" for when in (HOURLY, BOOTED) if entries]
    return tuple(lines)


def put_crontab(workspace: Workspace, lines: Sequence[str], *, check: bool) -> bool:
    """Have the block of the environment hold these lines; no lines, no block. Whether that changes anything. Raises BackupError."""
    before = _read()
    after = with_block(before, subject(workspace), lines)
    if after != before and not check:
        home(workspace).mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(after)
    return after != before


def in_crontab(workspace: Workspace) -> frozenset[str]:
    """The names of the backups that the crontab runs; none where there is no cron."""
    try:
        table = _read()
    except BackupError:
        return frozenset()
    begin, end = _marks(subject(workspace))
    block = table.partition(f"{begin}\n")[2].partition(f"{end}\n")[0]
    return frozenset(re.findall(r" --name ([a-z][a-z0-9-]*)", block))


def with_block(table: str, about: str, lines: Sequence[str]) -> str:
    """A crontab in which the block about a subject has these lines; no lines, no block. The rest is not touched."""
    begin, end = _marks(about)
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


def _marks(about: str) -> tuple[str, str]:
    return f"# >>> windlass backups: {about}", f"# <<< windlass backups: {about}"


def _command(workspace: Workspace, words: Sequence[str], name: str, limit: float) -> str:
    """What one entry runs. Cron reads `%` as the end of the command unless it is escaped."""
    environment = workspace.environment.name
    path = home(workspace) / f"{environment}-{name}.log"
    project, run = shlex.quote(str(workspace.project)), shlex.join([*_limited(limit), *run_command(workspace, *words)])
    told = shlex.quote(f"the backup {name} of {environment} failed; see {path}")
    command = (
        f'log={shlex.quote(str(path))}; cd {project} && {{ {ROTATED} PATH={PATH} {run} >>"$log" 2>&1; }} '
        f'|| {{ echo {told}; tail -n {LOG_LINES} "$log"; }}'
    )
    return command.replace("%", r"\%")


def _limited(limit: float) -> list[str]:
    return ["timeout", f"--kill-after={KILLED_AFTER}", f"{limit:.0f}"] if limit else []


def _limit(entries: Sequence[Backup]) -> float:
    """Seconds that all of them may take one after another; 0 where one of them may take for ever."""
    limits = [seconds(entry.time_limit) if entry.time_limit else 0.0 for entry in entries]
    return sum(limits) if all(limits) else 0.0


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
        raise BackupError(
            "cron did not take the crontab; the old one stays", last_lines=done.stderr.splitlines(), hint="may this user use cron?"
        )


def _crontab(argument: str, given: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["crontab", argument], input=given, capture_output=True, text=True, timeout=30, check=False)
    except FileNotFoundError:
        raise BackupError(
            "there is no cron on this machine", hint="apt-get install cron, on the machine that backups run from, or --with systemd"
        ) from None
