"""`backup.schedule`: having backups run by themselves. See docs/backup.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from windlass.errors import UsageError
from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from windlass.events import Listener
    from windlass.flows.backups.schedule import By
    from windlass.flows.workspace import Workspace
    from windlass.tasks.door import Outcome


@command(
    with_="what runs them: cron (your crontab) or systemd (timers: root's in the system, anybody else's in their own manager)",
    check="only say what there is and whether that would be changed",
    remove="take the entries out, of both",
)
def schedule(
    _context: Context,
    *,
    env: str = "",
    with_: str = "cron",
    check: bool = False,
    remove: bool = False,
    json: bool = False,
    lab: bool = False,
) -> None:
    """
    Have backups run by themselves, from this machine and as you.

    The times are those of the inventory. With cron your crontab gets a marked
    block, and everything else in it stays as it is; times are those of this
    machine's clock. With systemd there is a service and a timer for each
    backup; times are in UTC, output is in the journal. With either, what was
    missed while the machine was off is made up for once. Your SSH key must work
    without a person: an agent of your desktop is not there at night. Who is
    told of a failure is in the inventory: `ping`, `notify`.

    Example:

        invoke backup.schedule --env production
        invoke backup.schedule --env production --with systemd
        invoke backup.schedule --env production --check

    Exit codes: 0 done, 1 failed, 2 wrong usage or inventory.
    """
    from windlass.flows.backups.schedule import schedule as flow
    from windlass.flows.backups.vault import chosen_backups
    from windlass.tasks.backup_schedule_words import scheduled
    from windlass.tasks.running import run_flow

    by = _by(with_)

    def work(workspace: Workspace, _listener: Listener) -> Outcome:
        entries = chosen_backups(workspace.environment)
        return scheduled(flow(workspace, entries, by, remove=remove, check=check), check=check)

    run_flow("backup.schedule", Options.of(locals()), work, changes=False)


def _by(word: str) -> By:
    if word == "cron":
        return "cron"
    if word == "systemd":
        return "systemd"
    raise UsageError(f"nothing here is called {word!r} that could run backups", hint="say --with cron or --with systemd")
