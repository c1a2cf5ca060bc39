"""`backup.restore`: getting a database, or one table of it, back. See docs/backup.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from invoke.context import Context

from windlass.tasks.backup_options import ID, IDENTITY, ONE, ONE_STORE, keys
from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from collections.abc import Callable

    from windlass.events import Listener
    from windlass.flows.backups.restore_part import PartWish
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Backup, Environment
    from windlass.plans.restoration import Wish
    from windlass.tasks.door import Outcome

    Work = Callable[[Workspace, Listener], Outcome]


@command(
    name=ONE,
    store=ONE_STORE,
    backup=ID,
    into="the new database that it is restored into (else one with the time in its name); with --part the new path",
    part="only this folder, configuration or redis: as a new path of the host, --into",
    table="only this table: beside the live one in a schema of its own, or in its own place where it is missing",
    to="another host of the inventory to bring it back on; roles that are missing there are made first",
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
    part: str = "",
    to: str = "",
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
    Bring a backup back: beside what is live, or in its place (--swap).

    Also one table (--table), or another part (--part: a folder, Redis). Nothing
    that exists is ever overwritten. The restored rows are counted and compared
    with those of the backup's snapshot first. A swap is two renames in one
    transaction; the database that was live stays, under another name.

    Example:

        invoke backup.restore --env production --name tickets --explain --swap
        invoke backup.restore --env production --name tickets
        invoke backup.restore --env production --name tickets --swap
        invoke backup.restore --env production --name tickets --table invoices
        invoke backup.restore --env production --name tickets --to db2 --explain
        invoke backup.restore --env production --name tickets --part uploads \\
            --into /srv/tickets/shared/uploads_restored

    Exit codes: 0 done, 1 failed (the live database is as it was), 2 wrong usage
    or inventory, 4 refused: a name is taken, there is no room, another run
    holds the lock, or it was not confirmed.
    """
    options = Options.of(locals())
    which = _Which(name, store, backup, keys(identity), to)
    if part:
        _restore_part(options, which, _part_wish(part, into, other=bool(table or swap)), explain=explain)
    else:
        _restore_database(options, which, _wish(into, table, swap=swap), explain=explain)


def _restore_part(options: Options, which: _Which, wish: PartWish, *, explain: bool) -> None:
    from windlass.tasks.running import run_flow

    run_flow("backup.restore", options, _of_part(which, wish, explain=explain), changes=not explain)


def _restore_database(options: Options, which: _Which, wish: Wish, *, explain: bool) -> None:
    from windlass.tasks.running import run_flow

    if wish.swap and not explain:
        _confirm_swap(options, which)
    work = _explaining(which, wish) if explain else _restoring(which, wish)
    run_flow("backup.restore", options, work, changes=not (wish.swap or explain))


def _wish(into: str, table: str, *, swap: bool) -> Wish:
    from windlass.plans.restoration import Wish

    return Wish(into=into, table=table, swap=swap)


@dataclass(frozen=True, slots=True)
class _Which:
    """Which backup is meant, what opens it, and on which host it comes back (its own if empty)."""

    name: str
    store: str
    backup: str
    identity: str
    to: str

    def entry(self, environment: Environment) -> Backup:
        """Raises UsageError."""
        from windlass.flows.backups.vault import chosen_backup, entry_on

        return entry_on(environment, chosen_backup(environment, self.name, self.store), self.to)


def _explaining(which: _Which, wish: Wish) -> Work:
    from windlass.flows.backups.restore import explain
    from windlass.tasks.backup_words import explained

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        entry = which.entry(workspace.environment)
        return explained(explain(workspace, entry, wish, backup=which.backup, listener=listener))

    return work


def _restoring(which: _Which, wish: Wish) -> Work:
    from windlass.flows.backups.restore import restore as flow
    from windlass.tasks.backup_words import restored

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        entry = which.entry(workspace.environment)
        done = flow(workspace, entry, wish, backup=which.backup, identity=which.identity, listener=listener)
        return restored(done, wish)

    return work


def _part_wish(part: str, into: str, *, other: bool) -> PartWish:
    from windlass.errors import UsageError
    from windlass.flows.backups.restore_part import PartWish

    if other:
        raise UsageError("--part excludes --table and --swap", hint="they are about the database")
    return PartWish(part, into)


def _of_part(which: _Which, wish: PartWish, *, explain: bool) -> Work:
    from windlass.flows.backups.restore_part import explain_part, restore_part
    from windlass.tasks.backup_words import explained, part_restored

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        entry = which.entry(workspace.environment)
        if explain:
            return explained(explain_part(workspace, entry, wish, backup=which.backup, listener=listener))
        done = restore_part(workspace, entry, wish, backup=which.backup, identity=which.identity, listener=listener)
        return part_restored(done)

    return work


def _confirm_swap(options: Options, which: _Which) -> None:
    """A person types the name of the database whose place is taken, before anything else happens."""
    from windlass.errors import UsageError
    from windlass.flows.workspace import load_environment
    from windlass.tasks.common import chosen_environment, confirm
    from windlass.tasks.place import project_folder

    project = project_folder()
    environment = load_environment(project, chosen_environment(options, project))
    entry = which.entry(environment)
    if not entry.database:
        raise UsageError(f"{entry.name} has no database", hint="--part brings its folders back")
    question = f"the restored copy takes the place of the database {entry.database} on {entry.host} ({environment.name})"
    confirm(question, entry.database, yes=options.yes)
