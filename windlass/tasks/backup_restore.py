"""`backup.restore`: getting a database, or one table of it, back. See docs/backup.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from windlass.tasks.backup_options import ID, IDENTITY, ONE, ONE_STORE, keys
from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from collections.abc import Callable

    from windlass.events import Listener
    from windlass.flows.workspace import Workspace
    from windlass.plans.restoration import Wish
    from windlass.tasks.door import Outcome

    Work = Callable[[Workspace, Listener], Outcome]


@command(
    name=ONE,
    store=ONE_STORE,
    backup=ID,
    into="the new database that it is restored into (else one with the time in its name)",
    table="only this table: beside the live one in a schema of its own, or in its own place where it is missing",
    swap="let the restored database take the place of the live one, which is kept under another name",
    explain="only say what would be done",
    identity=IDENTITY,
    yes="do not ask for the database's name before --swap",
)
def restore(
    _context: Context,
    *,
    env: str = "",
    name: str = "",
    store: str = "",
    backup: str = "",
    into: str = "",
    table: str = "",
    swap: bool = False,
    explain: bool = False,
    identity: str = "",
    json: bool = False,
    yes: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Bring a backup back: beside the live database, in its place (--swap), or one table of it (--table).

    Nothing that exists is ever overwritten. The restored rows are counted and compared with those of the backup's
    snapshot first. A swap is two renames in one transaction; the database that was live stays, under another name.

    Example:

        invoke backup.restore --env production --name tickets --explain --swap
        invoke backup.restore --env production --name tickets
        invoke backup.restore --env production --name tickets --swap
        invoke backup.restore --env production --name tickets --table invoices

    Exit codes: 0 done, 1 failed (the live database is as it was), 2 wrong usage or inventory, 4 refused: a name is taken,
    there is no room, another run holds the lock, or it was not confirmed.
    """
    from windlass.plans.restoration import Wish
    from windlass.tasks.running import run_flow

    options = Options(env=env, json=json, yes=yes, lab=lab, accept_new=accept_new, ask_sudo_password=ask_sudo_password)
    wish = Wish(into=into, table=table, swap=swap)
    if swap and not explain:
        _confirm_swap(options, name)
    which = (name, store)
    work = _explaining(which, wish, backup) if explain else _restoring(which, wish, backup, keys(identity))
    run_flow("backup.restore", options, work, changes=not (swap or explain))


def _explaining(which: tuple[str, str], wish: Wish, backup: str) -> Work:
    from windlass.flows.restore import explain
    from windlass.flows.vault import chosen_backup
    from windlass.tasks.backup_words import explained

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        entry = chosen_backup(workspace.environment, *which)
        return explained(explain(workspace, entry, wish, backup=backup, listener=listener))

    return work


def _restoring(which: tuple[str, str], wish: Wish, backup: str, identity: str) -> Work:
    from windlass.flows.restore import restore as flow
    from windlass.flows.vault import chosen_backup
    from windlass.tasks.backup_words import restored

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        entry = chosen_backup(workspace.environment, *which)
        return restored(flow(workspace, entry, wish, backup=backup, identity=identity, listener=listener), wish)

    return work


def _confirm_swap(options: Options, name: str) -> None:
    """A person types the name of the database whose place is taken, before anything else happens."""
    from windlass.flows.vault import chosen_backup
    from windlass.flows.workspace import load_environment
    from windlass.tasks.common import chosen_environment, confirm, project_folder

    project = project_folder()
    environment = load_environment(project, chosen_environment(options, project))
    entry = chosen_backup(environment, name)
    question = f"the restored copy takes the place of the database {entry.database} on {entry.host} ({environment.name})"
    confirm(question, entry.database, yes=options.yes)
