"""An application's cron entries: the file that cron reads, and the small shell program that one entry is.

Each slot has its entries, and cron always knows those of both. Which of them do anything is decided when they run, by the link
that also decides who serves: so they move with the switch itself, forth and back, whoever makes it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from windlass.plans.launcher import PROGRAMS
from windlass.plans.layout import Layout

PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: its name, when, and what."""

    name: str
    schedule: str
    command: str


def crontab_path(application: str, slot: str) -> str:
    """Where cron reads a slot's entries."""
    return f"/etc/cron.d/windlass-{application}-{slot}"


def program(layout: Layout, slot: str, name: str) -> str:
    """The path of the program that an entry is."""
    return layout.launcher(slot, f"cron-{name}")


def log(layout: Layout, name: str) -> str:
    """Where the output of an entry goes, in whichever slot."""
    return f"{layout.logs}/cron-{name}.log"


def crontab(layout: Layout, slot: str, user: str, entries: Iterable[Entry]) -> str:
    """The entries of a slot, as cron reads them. cron sends no mail: what they say is in their logs."""
    lines = [f"{each.schedule} {user} {program(layout, slot, each.name)}" for each in entries]
    head = f"# Written by Windlass: changes made here are lost. Each does something while {slot} serves.\n"
    return head + f'SHELL=/bin/sh\nPATH={PATH}\nMAILTO=""\n' + "".join(f"{line}\n" for line in lines)


def entry_program(layout: Layout, slot: str, release: str, entry: Entry) -> str:
    """The program of an entry. It does nothing unless its slot serves, nor while it still runs, nor twice in one minute: at the
    moment of a switch both slots may have been asked."""
    folder, lock = layout.release(release), layout.lock(f"cron-{entry.name}")
    lines = [
        "#!/bin/sh",
        "# Written by Windlass. One cron entry in one slot.",
        f'[ "$(readlink {shlex.quote(layout.live)})" = slots/{slot} ] || exit 0',
        "umask 0007",
        f"exec 9<>{shlex.quote(lock)} || exit 1",
        f"exec >>{shlex.quote(log(layout, entry.name))} 2>&1 || exit 1",
        "minute=$(date -u +%Y-%m-%dT%H:%MZ)",
        'if ! flock -n 9; then echo "--- $minute windlass: left out, because the run before has not ended"; exit 0; fi',
        '[ "$(cat <&9)" != "$minute" ] || exit 0',
        f'echo "$minute" > {shlex.quote(lock)}',
        f"cd {shlex.quote(folder)} || exit 1",
        "set -a",
        "[ -f .env ] && . ./.env",
        "set +a",
        f"export {PROGRAMS}",
        f'echo "--- $minute windlass runs {entry.name} in" {shlex.quote(folder)}',
        f"/bin/sh -c {shlex.quote(entry.command)}",
        "status=$?",
        f'[ $status -eq 0 ] || echo "--- {entry.name} ended with status $status"',
        "exit $status",
    ]
    return "\n".join(lines) + "\n"
