"""Backups by systemd's timers: for root in the system's manager, for everybody else in their own."""

from __future__ import annotations

import getpass
import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from windlass.errors import BackupError
from windlass.flows.program import PATH, run_command, subject
from windlass.plans.calendar import calendar, on_calendar
from windlass.values import seconds

if TYPE_CHECKING:
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Backup

SYSTEM = Path("/etc/systemd/system")


def units(workspace: Workspace, entries: Sequence[Backup]) -> dict[str, str]:
    """The unit files: name and text. Raises UsageError for a schedule that systemd cannot be given."""
    found: dict[str, str] = {}
    for entry in entries:
        base = _base(workspace, entry.name)
        found[f"{base}.service"] = _service(workspace, entry)
        found[f"{base}.timer"] = _timer(workspace, entry)
    return found


def put_timers(workspace: Workspace, wanted: Mapping[str, str], *, check: bool) -> bool:
    """Have exactly these units of the environment; whether that changes anything. Raises BackupError."""
    there = _there(workspace)
    changed = {name for name in {*there, *wanted} if there.get(name) != wanted.get(name)}
    if not changed or check:
        return bool(changed)
    gone = sorted(set(there) - set(wanted))
    stopped = [name for name in gone if name.endswith(".timer")]
    if stopped:
        _systemctl("disable", "--now", *stopped)
    for name in gone:
        (_folder() / name).unlink()
    _folder().mkdir(parents=True, exist_ok=True)
    for name, text in wanted.items():
        draft = _folder() / f".{name}.new"
        draft.write_text(text)
        draft.rename(_folder() / name)
    _systemctl("daemon-reload")
    timers = [name for name in wanted if name.endswith(".timer")]
    if timers:
        _systemctl("enable", "--quiet", *timers)
        _systemctl("restart", *timers)
    return True


def in_timers(workspace: Workspace) -> frozenset[str]:
    """The names of the backups that have a timer."""
    there = _there(workspace)
    names = workspace.environment.backups
    return frozenset(name for name in names if f"{_base(workspace, name)}.timer" in there)


def lingers() -> bool:
    """Whether what is a user's own runs while they are not logged in."""
    if os.geteuid() == 0:
        return True
    command = ["loginctl", "show-user", getpass.getuser(), "--property=Linger"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except FileNotFoundError:
        return False
    return done.stdout.strip() == "Linger=yes"


def _service(workspace: Workspace, entry: Backup) -> str:
    """One run, in the journal. systemd never starts it a second time while it runs."""
    system = os.geteuid() == 0
    words = " ".join(_quoted(word) for word in run_command(workspace, "--name", entry.name))
    lines = [
        _mark(workspace),
        "[Unit]",
        f"Description=Windlass: backup {entry.name} of {workspace.environment.name}",
        *(["Wants=network-online.target", "After=network-online.target"] if system else []),
        "",
        "[Service]",
        "Type=oneshot",
        f"WorkingDirectory={_escaped(str(workspace.project))}",
        f"Environment=PATH={PATH}",
        f"ExecStart={words}",
        f"TimeoutStartSec={seconds(entry.time_limit):.0f}" if entry.time_limit else "TimeoutStartSec=infinity",
        "Nice=10",
        "SyslogIdentifier=windlass",
    ]
    return "\n".join(lines) + "\n"


def _timer(workspace: Workspace, entry: Backup) -> str:
    """When it runs, in UTC. What was missed while the machine was off is made up for at its next start (Persistent)."""
    lines = [
        _mark(workspace),
        "[Unit]",
        f"Description=Windlass: when the backup {entry.name} of {workspace.environment.name} runs",
        "",
        "[Timer]",
        *(f"OnCalendar={each}" for each in on_calendar(calendar(entry.schedule))),
        "Persistent=true",
        "AccuracySec=1s",
        *([f"RandomizedDelaySec={seconds(entry.spread):.0f}", "FixedRandomDelay=true"] if entry.spread else []),
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    return "\n".join(lines) + "\n"


def _mark(workspace: Workspace) -> str:
    return f"# windlass backups: {subject(workspace)}"


def _base(workspace: Workspace, name: str) -> str:
    digest = hashlib.sha256(subject(workspace).encode()).hexdigest()[:6]
    return f"windlass-backup-{workspace.environment.name}-{name}-{digest}"


def _there(workspace: Workspace) -> dict[str, str]:
    """The units of this environment as they are; the first line says whose they are."""
    texts = {path.name: path.read_text() for path in sorted(_folder().glob("windlass-backup-*"))}
    return {name: text for name, text in texts.items() if text.partition("\n")[0] == _mark(workspace)}


def _folder() -> Path:
    if os.geteuid() == 0:
        return SYSTEM
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"


def _systemctl(*words: str) -> None:
    command = ["systemctl", *([] if os.geteuid() == 0 else ["--user"]), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        raise BackupError("there is no systemd on this machine", hint="use --with cron") from None
    if done.returncode != 0:
        raise BackupError(
            f"systemd did not do it: {' '.join(command)}", last_lines=done.stderr.splitlines(), hint="or use --with cron"
        )


def _quoted(word: str) -> str:
    """A word of a command line, systemd.service(5): quoted, no variable and no specifier in it."""
    return '"' + _escaped(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$") + '"'


def _escaped(text: str) -> str:
    return text.replace("%", "%%")
