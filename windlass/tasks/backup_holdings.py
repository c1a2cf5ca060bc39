"""`backup.list`, `.prune`, `.pin`, `.unpin`: which backups there are, and which stay. See docs/backup.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from windlass.tasks.backup_options import ITS_ID, NAME, ONE, ONE_STORE, STORE
from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from windlass.events import Listener
    from windlass.flows.backups.holdings import Pruned
    from windlass.flows.workspace import Workspace
    from windlass.inventory import Backup
    from windlass.tasks.door import Outcome


@command(
    name=NAME,
    store=STORE,
    check="also say for each backup why it stays or would go",
    max_age="fail if the newest good backup's data is older than this: 26h, 2d",
)
def list_(
    _context: Context,
    *,
    env: str = "",
    name: str = "",
    store: str = "",
    check: bool = False,
    max_age: str = "",
    json: bool = False,
    lab: bool = False,
) -> None:
    """
    List the backups: how old, how big, verified, proven.

    Verified: the stored bytes were decoded to the end. Proven: a drill has
    restored it and compared its rows. With --max-age it is a dead man's switch:
    let another machine's monitoring call it. No database's host is called.

    Example:

        invoke backup.list --env production
        invoke backup.list --env production --max-age 26h

    Exit codes: 0 done, 1 a backup is missing or older than --max-age, 2 wrong
    usage or inventory.
    """
    from datetime import UTC, datetime

    from windlass.flows.backups.holdings import holding
    from windlass.flows.backups.vault import chosen_places
    from windlass.tasks.backup_holdings_words import listed
    from windlass.tasks.running import run_flow
    from windlass.values import seconds

    limit = seconds(max_age) if max_age else 0.0

    def work(workspace: Workspace, _listener: Listener) -> Outcome:
        found = [holding(workspace, entry) for entry in chosen_places(workspace.environment, name, store)]
        return listed(found, datetime.now(UTC), limit, reasons=check)

    run_flow("backup.list", Options.of(locals(), check=False), work, changes=False)


@command(name=NAME, store=STORE, check="only say what would go")
def prune(
    _context: Context,
    *,
    env: str = "",
    name: str = "",
    store: str = "",
    check: bool = False,
    json: bool = False,
    yes: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Remove old backups, as the inventory's `keep` says.

    Every backup that was successful does this by itself. The newest good backup
    and the newest proven one always stay; backup.list --check gives the reason
    for each.

    Example:

        invoke backup.prune --env production --check

    Exit codes: 0 done, 1 some could not be removed, 2 wrong usage or inventory,
    4 refused: another run is at these backups.
    """
    from windlass.flows.backups.alarm import alarm
    from windlass.flows.backups.holdings import prune as flow
    from windlass.flows.backups.vault import chosen_places
    from windlass.flows.backups.watch import watched
    from windlass.inventory.stores import label
    from windlass.tasks.backup_holdings_words import left, pruned
    from windlass.tasks.running import run_flow

    def one(workspace: Workspace, entry: Backup, listener: Listener) -> Pruned:
        if check:
            return flow(workspace, entry, check=True, listener=listener)
        return watched(workspace, entry, "prune", lambda: flow(workspace, entry, listener=listener), listener, left)

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        entries = chosen_places(workspace.environment, name, store)
        return pruned({label(each.name, each.store): one(workspace, each, listener) for each in entries}, check=check)

    run_flow("backup.prune", Options.of(locals()), work, unopened=None if check else alarm("prune", name, store))


@command(name=ONE, store=ONE_STORE, backup=ITS_ID, reason="why it shall stay; backup.list --check shows it")
def pin(
    _context: Context,
    *,
    env: str = "",
    name: str = "",
    store: str = "",
    backup: str = "",
    reason: str = "",
    json: bool = False,
    lab: bool = False,
) -> None:
    """
    Keep a backup until it is unpinned, whatever the policy says.

    No database's host is called.

    Example:

        invoke backup.pin --env production --name tickets \\
            --backup 20261120T0230 --reason "before the migration"

    Exit codes: 0 done, 1 failed, 2 wrong usage or inventory, 4 refused: it is
    not a good one.
    """
    _pin(Options.of(locals()), (name, store), backup, reason=reason)


@command(name=ONE, store=ONE_STORE, backup=ITS_ID)
def unpin(
    _context: Context, *, env: str = "", name: str = "", store: str = "", backup: str = "", json: bool = False, lab: bool = False
) -> None:
    """
    Let the policy decide about a pinned backup again.

    Nothing is removed before the next backup or backup.prune.

    Example:

        invoke backup.unpin --env production --name tickets \\
            --backup 20261120T0230

    Exit codes: 0 done, 1 failed, 2 wrong usage or inventory, 4 refused: its
    manifest is doubted.
    """
    _pin(Options.of(locals()), (name, store), backup, off=True)


def _pin(options: Options, which: tuple[str, str], backup: str, *, reason: str = "", off: bool = False) -> None:
    from windlass.flows.backups.holdings import pin as flow
    from windlass.flows.backups.vault import chosen_backup
    from windlass.tasks.backup_holdings_words import pinned
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, _listener: Listener) -> Outcome:
        entry = chosen_backup(workspace.environment, *which)
        return pinned(entry.name, flow(workspace, entry, backup, reason=reason, off=off))

    run_flow("backup.unpin" if off else "backup.pin", options, work, changes=False)
