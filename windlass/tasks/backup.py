"""`backup`, `backup.*`: backing databases up, proving that, and getting them back. See docs/backup.md."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from invoke.context import Context

from windlass.tasks.common import Options, command

if TYPE_CHECKING:
    from windlass.events import Listener
    from windlass.flows.workspace import Workspace
    from windlass.tasks.door import Outcome

NAME = "the backup, as the inventory calls it (else all of the environment)"
ONE = "the backup, as the inventory calls it; may be left out where there is only one"
IDENTITY = "the file with age's private key, for an encrypted backup (or set WINDLASS_AGE_IDENTITY_FILE)"
ID = "which one: its id or the beginning of it (else the newest good one)"


@command(name=NAME)
def run(
    _context: Context,
    *,
    env: str = "",
    name: str = "",
    json: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Back databases up: dump, read back and decode, publish, then let old ones go. What cron runs; plain `backup` is the same.

    The dump is streamed through zstd into the store on this machine. It appears there only once its bytes were read back
    and decoded to the end. Old backups are removed only after that, as the inventory's `keep` says.

    Example:

        invoke backup --env production
        invoke backup.run --env production --name tickets

    Exit codes: 0 done, 1 failed (nothing was published, older backups are untouched), 2 wrong usage or inventory,
    3 some were backed up and some not (it says which), 4 refused: another run is at these backups.
    """
    from windlass.flows.backup import backup as flow
    from windlass.flows.vault import chosen_backups
    from windlass.tasks.backup_words import backed_up
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        entries = chosen_backups(workspace.environment, name)
        return backed_up(entries, lambda entry: flow(workspace, entry, listener))

    run_flow(
        "backup",
        Options(env=env, json=json, lab=lab, accept_new=accept_new, ask_sudo_password=ask_sudo_password),
        work,
        changes=False,
    )


@command(
    name=NAME,
    check="also say for each backup why it stays or would go",
    max_age="fail if the newest good backup's data is older than this: 26h, 2d",
)
def list_(
    _context: Context,
    *,
    env: str = "",
    name: str = "",
    check: bool = False,
    max_age: str = "",
    json: bool = False,
    lab: bool = False,
) -> None:
    """
    List the backups: when, how big, whether their bytes were verified, and whether a drill has proven them.

    With --max-age it is a dead man's switch: let another machine's monitoring call it. No host is asked.

    Example:

        invoke backup.list --env production
        invoke backup.list --env production --max-age 26h

    Exit codes: 0 done, 1 a backup is missing or older than --max-age, 2 wrong usage or inventory.
    """
    from datetime import UTC, datetime

    from windlass.flows.holdings import holding
    from windlass.flows.vault import chosen_backups
    from windlass.tasks.backup_words import listed
    from windlass.tasks.running import run_flow
    from windlass.values import seconds

    limit = seconds(max_age) if max_age else 0.0

    def work(workspace: Workspace, _listener: Listener) -> Outcome:
        found = [holding(workspace, entry) for entry in chosen_backups(workspace.environment, name)]
        return listed(found, datetime.now(UTC), limit, reasons=check)

    run_flow("backup.list", Options(env=env, json=json, lab=lab), work, changes=False)


@command(
    name=ONE,
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
    from windlass.flows.restore import explain as explanation
    from windlass.flows.restore import restore as flow
    from windlass.flows.vault import chosen_backup
    from windlass.plans.restoration import Wish
    from windlass.tasks.backup_words import explained, restored
    from windlass.tasks.running import run_flow

    options = Options(env=env, json=json, yes=yes, lab=lab, accept_new=accept_new, ask_sudo_password=ask_sudo_password)
    wish = Wish(into=into, table=table, swap=swap)
    if swap and not explain:
        _confirm_swap(options, name)

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        entry = chosen_backup(workspace.environment, name)
        if explain:
            return explained(explanation(workspace, entry, wish, backup=backup, listener=listener))
        return restored(flow(workspace, entry, wish, backup=backup, identity=_keys(identity), listener=listener), wish)

    run_flow("backup.restore", options, work, changes=not (swap or explain))


def _keys(identity: str) -> str:
    """The file with the private keys: the one that was named, else the one of the environment variable."""
    return identity or os.environ.get("WINDLASS_AGE_IDENTITY_FILE", "")


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


@command(name=ONE, backup=ID, identity=IDENTITY)
def verify(
    _context: Context,
    *,
    env: str = "",
    name: str = "",
    backup: str = "",
    identity: str = "",
    json: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Check the bytes of a stored backup again: checksum here, decoded to the end on the database's host.

    A backup whose bytes have changed is marked as bad; it is never restored and fills no slot of retention. Of an encrypted
    one only the checksum is looked at, unless --identity gives the private key.

    Example:

        invoke backup.verify --env production --name tickets

    Exit codes: 0 it is good, 1 it is not or could not be checked (it says which), 2 wrong usage or inventory, 4 refused.
    """
    from windlass.flows.holdings import verify as flow
    from windlass.flows.vault import chosen_backup
    from windlass.tasks.backup_words import verified
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        entry = chosen_backup(workspace.environment, name)
        return verified(flow(workspace, entry, backup, listener, identity=_keys(identity)))

    run_flow(
        "backup.verify",
        Options(env=env, json=json, lab=lab, accept_new=accept_new, ask_sudo_password=ask_sudo_password),
        work,
        changes=False,
    )


@command(name=NAME, backup=ID, identity=IDENTITY)
def drill(
    _context: Context,
    *,
    env: str = "",
    name: str = "",
    backup: str = "",
    identity: str = "",
    json: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Prove a backup: restore it into a scratch server, compare every table's rows, ask the smoke questions, measure.

    The scratch server is a new PostgreSQL on the database's host, which no network reaches; nothing of it stays. The live
    database is not touched. The minutes are those that you would need, and the age of the data is what you would lose.

    Example:

        invoke backup.drill --env production

    Exit codes: 0 proven, 1 not (it says what differs), 2 wrong usage or inventory, 3 some were proven and some not,
    4 refused: no room, or another run is at these backups.
    """
    from windlass.flows.drill import drill as flow
    from windlass.flows.vault import chosen_backups
    from windlass.tasks.backup_words import drilled
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        entries = chosen_backups(workspace.environment, name)
        return drilled(entries, lambda entry: flow(workspace, entry, backup=backup, identity=_keys(identity), listener=listener))

    run_flow(
        "backup.drill",
        Options(env=env, json=json, lab=lab, accept_new=accept_new, ask_sudo_password=ask_sudo_password),
        work,
        changes=False,
    )


@command(name=NAME, check="only say what would go")
def prune(
    _context: Context,
    *,
    env: str = "",
    name: str = "",
    check: bool = False,
    json: bool = False,
    yes: bool = False,
    lab: bool = False,
    accept_new: bool = False,
    ask_sudo_password: bool = False,
) -> None:
    """
    Let old backups go, as the inventory's `keep` says. Every backup does this by itself when it was successful.

    The newest good backup and the newest proven one always stay; backup.list --check gives the reason for each.

    Example:

        invoke backup.prune --env production --check

    Exit codes: 0 done, 1 some could not be removed, 2 wrong usage or inventory, 4 refused: another run is at these backups.
    """
    from windlass.flows.holdings import prune as flow
    from windlass.flows.vault import chosen_backups
    from windlass.tasks.backup_words import pruned
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, listener: Listener) -> Outcome:
        entries = chosen_backups(workspace.environment, name)
        return pruned({each.name: flow(workspace, each, check=check, listener=listener) for each in entries}, check=check)

    run_flow(
        "backup.prune",
        Options(env=env, check=check, json=json, yes=yes, lab=lab, accept_new=accept_new, ask_sudo_password=ask_sudo_password),
        work,
    )


@command(name=ONE, backup="which one: its id or the beginning of it", reason="why it shall stay; backup.list --check shows it")
def pin(
    _context: Context, *, env: str = "", name: str = "", backup: str = "", reason: str = "", json: bool = False, lab: bool = False
) -> None:
    """
    Have a backup stay whatever the policy says, until it is unpinned. No host is asked.

    Example:

        invoke backup.pin --env production --name tickets --backup 20261120T0230 --reason "before the migration"

    Exit codes: 0 done, 1 failed, 2 wrong usage or inventory, 4 refused: it is not a good one.
    """
    _pin(Options(env=env, json=json, lab=lab), name, backup, reason=reason)


@command(name=ONE, backup="which one: its id or the beginning of it")
def unpin(_context: Context, *, env: str = "", name: str = "", backup: str = "", json: bool = False, lab: bool = False) -> None:
    """
    Let the policy decide about a pinned backup again. Nothing is deleted before the next backup or backup.prune.

    Example:

        invoke backup.unpin --env production --name tickets --backup 20261120T0230

    Exit codes: 0 done, 1 failed, 2 wrong usage or inventory, 4 refused: it is not a good one.
    """
    _pin(Options(env=env, json=json, lab=lab), name, backup, off=True)


def _pin(options: Options, name: str, backup: str, *, reason: str = "", off: bool = False) -> None:
    from windlass.flows.holdings import pin as flow
    from windlass.flows.vault import chosen_backup
    from windlass.tasks.backup_words import pinned
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, _listener: Listener) -> Outcome:
        entry = chosen_backup(workspace.environment, name)
        return pinned(entry.name, flow(workspace, entry, backup, reason=reason, off=off))

    run_flow("backup.unpin" if off else "backup.pin", options, work, changes=False)


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
    from windlass.tasks.backup_words import scheduled
    from windlass.tasks.running import run_flow

    def work(workspace: Workspace, _listener: Listener) -> Outcome:
        return scheduled(flow(workspace, chosen_backups(workspace.environment), remove=remove, check=check), check=check)

    run_flow("backup.schedule", Options(env=env, check=check, json=json, lab=lab), work, changes=False)


run.is_default = True  # so that plain `invoke backup` is one
