"""`backup.schedule`: having backups run by themselves. See docs/backup.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from windlass.events import Listener
    from windlass.flows.workspace import Workspace
    from windlass.tasks.door import Outcome


@command(check="only say what the crontab has and whether that would be changed", remove="take the entries out")
def schedule(
    _context: Context, *, env: str = "", check: bool = False, remove: bool = False, json: bool = False, lab: bool = False
) -> None:
    """
    Have cron run the backups of an environment, at the times of the inventory, from this machine and as you.

    Your crontab gets a marked block with one line for each backup; everything else in it stays as it is. Your SSH key must
    work without a person: an agent of your desktop is not there at night. Output goes to .windlass/backups/, and when a
    backup fails cron mails the end of it.

    Example:

        invoke backup.schedule --env production
        invoke backup.schedule --env production --check

    Exit codes: 0 done, 1 failed, 2 wrong usage or inventory.
    """
    from windlass.flows.schedule import schedule as flow
    from windlass.flows.vault import chosen_backups
    from windlass.tasks.backup_schedule_words import scheduled
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, _listener: Listener) -> Outcome:
        return scheduled(flow(workspace, chosen_backups(workspace.environment), remove=remove, check=check), check=check)

    run_flow("backup.schedule", Options(env=env, check=check, json=json, lab=lab), work, changes=False)
