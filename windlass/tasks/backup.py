"""`backup`, `backup.verify`, `backup.drill`: making backups and proving them. See docs/backup.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from windlass.tasks.backup_options import ID, IDENTITY, NAME, ONE, ONE_STORE, STORE, keys
from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from collections.abc import Callable

    from windlass.events import Listener
    from windlass.flows.backups.backup import BackedUp
    from windlass.flows.backups.drill import Drilled
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Backup
    from windlass.tasks.door import Outcome

    Work = Callable[[Workspace, Listener], Outcome]

SHRUNK = "that it is so much smaller than the ones before is right: it counts as good, and is the new measure"
MISSED = "only those whose last scheduled run never began, because this machine was off; what cron's entries do"


@command(name=NAME, store=STORE, if_missed=MISSED, accept_shrunk=SHRUNK)
def run(
    _context: Context,
    *,
    env: str = "",
    name: str = "",
    store: str = "",
    if_missed: bool = False,
    accept_shrunk: bool = False,
    json: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Back databases up; plain `backup` is the same.

    The dump is streamed through zstd into the store. It appears there only once
    its bytes were read back and decoded to the end. Old backups are removed
    only after that, as the inventory's `keep` says. One that is suspiciously
    small (`shrink`) fails: it is kept, does not count, and nothing is removed
    until a better one or --accept-shrunk. This is what cron runs every night.

    Example:

        invoke backup --env production
        invoke backup.run --env production --name tickets

    Exit codes: 0 done, 1 failed (nothing was published, older backups are
    untouched), 2 wrong usage or inventory, 3 some were backed up and some not
    (it says which), 4 refused: another run is at these backups.
    """
    from windlass.flows.backups.alarm import alarm
    from windlass.tasks.running import run_flow

    options = Options.of(locals())
    work = _backing_up(name, store, if_missed=if_missed, accept_shrunk=accept_shrunk)
    # Whether one was missed is asked every hour: that the inventory cannot be read is told by the run at its own time.
    run_flow("backup", options, work, changes=False, unopened=None if if_missed else alarm("backup", name, store))


def _backing_up(name: str, store: str, *, if_missed: bool, accept_shrunk: bool) -> Work:
    from windlass.flows.backups.backup import backup as flow
    from windlass.flows.backups.vault import chosen_places
    from windlass.flows.backups.watch import watched
    from windlass.tasks.backup_words import backed_up

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        def one(entry: Backup) -> BackedUp:
            return flow(workspace, entry, listener, accept_shrunk=accept_shrunk)

        entries = chosen_places(workspace.environment, name, store)
        if if_missed:
            entries = _missed(workspace, entries, listener)
        return backed_up(entries, lambda entry: watched(workspace, entry, "backup", lambda: one(entry), listener))

    return work


def _missed(workspace: Workspace, entries: tuple[Backup, ...], listener: Listener) -> tuple[Backup, ...]:
    """Those that have to be made up for; why, or why not, is told of each."""
    from datetime import UTC, datetime

    from windlass.events import Note
    from windlass.flows.backups.schedule import missed
    from windlass.inventory.stores import label

    found = {label(entry.name, entry.store): missed(workspace, entry, datetime.now(UTC)) for entry in entries}
    for name, due in found.items():
        listener(Note(f"{name}: {due.reason}"))
    return tuple(entry for entry, due in zip(entries, found.values(), strict=True) if due.run)


@command(name=ONE, store=ONE_STORE, backup=ID, identity=IDENTITY)
def verify(
    _context: Context,
    *,
    env: str = "",
    name: str = "",
    store: str = "",
    backup: str = "",
    identity: str = "",
    json: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Check the bytes of a stored backup again, to the end.

    Its checksum is compared here, and it is decoded on the database's host. A
    backup whose bytes have changed is marked as bad; it is never restored and
    fills no slot of retention. Of an encrypted one only the checksum is looked
    at, unless --identity gives the private key.

    Example:

        invoke backup.verify --env production --name tickets

    Exit codes: 0 it is good, 1 it is not or could not be checked (it says
    which), 2 wrong usage or inventory, 4 refused.
    """
    from windlass.flows.backups.holdings import verify as flow
    from windlass.flows.backups.vault import chosen_backup
    from windlass.tasks.backup_words import verified
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        entry = chosen_backup(workspace.environment, name, store)
        return verified(flow(workspace, entry, backup, listener, identity=keys(identity)))

    run_flow("backup.verify", Options.of(locals()), work, changes=False)


@command(name=NAME, store=STORE, backup=ID, identity=IDENTITY)
def drill(
    _context: Context,
    *,
    env: str = "",
    name: str = "",
    store: str = "",
    backup: str = "",
    identity: str = "",
    json: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Prove a backup: restore it into a scratch server and compare all rows.

    The scratch server is a new PostgreSQL on the database's host, which no
    network reaches; nothing of it stays, and the live database is not touched.
    The smoke questions of the inventory are asked there, too. The minutes it
    takes are those that you would need, and the age of the data is what you
    would lose.

    Example:

        invoke backup.drill --env production

    Exit codes: 0 proven, 1 not (it says what differs), 2 wrong usage or
    inventory, 3 some were proven and some not, 4 refused: no room, or another
    run is at these backups.
    """
    from windlass.flows.backups.alarm import alarm
    from windlass.flows.backups.drill import drill as flow
    from windlass.flows.backups.vault import chosen_places
    from windlass.flows.backups.watch import watched
    from windlass.tasks.backup_words import drilled
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        def one(entry: Backup) -> Drilled:
            return flow(workspace, entry, backup=backup, identity=keys(identity), listener=listener)

        entries = chosen_places(workspace.environment, name, store)
        return drilled(entries, lambda entry: watched(workspace, entry, "drill", lambda: one(entry), listener))

    run_flow("backup.drill", Options.of(locals()), work, changes=False, unopened=alarm("drill", name, store))


run.is_default = True  # so that plain `invoke backup` is one
