"""Users and groups: who there is, and the programs that change /etc/passwd and its kin, which only one of them may do at a time."""

from __future__ import annotations

import grp
import pwd
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Set

from windlass.agent.core import process
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError
from windlass.agent.core.ownership import nobody

LOCK_LIMIT = 30  # seconds; a package being installed makes accounts, too


class Account(NamedTuple):
    """A user: as the host has it, or in a check as earlier operations leave it. None stands for what only a run can tell.

    group    by number, or by name where an earlier operation says it
    joined   the other groups, and
    shadow   the line of /etc/shadow: both only where they are foreseen
    """

    name: str
    number: Optional[int]
    group: Any
    home: str
    shell: Optional[str]
    comment: Optional[str]
    joined: Optional[Sequence[str]] = None
    shadow: Optional[List[str]] = None


class Band(NamedTuple):
    """A group, in the same way."""

    number: Optional[int]


def find(name: str, context: Context) -> Optional[Account]:
    """A user of this name; None if there is none, or none any more."""
    foreseen = _foreseen("user", context)
    if name in foreseen:
        account: Optional[Account] = foreseen[name]
        return account
    try:
        has = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, has.pw_uid, has.pw_gid, has.pw_dir, has.pw_shell, has.pw_gecos)


def find_group(name: str, context: Context) -> Optional[Band]:
    """The same of a group, which may be called by its number."""
    foreseen = _foreseen("group", context)
    if name in foreseen:
        band: Optional[Band] = foreseen[name]
        return band
    try:
        return Band((grp.getgrgid(int(name)) if name.isdigit() else grp.getgrnam(name)).gr_gid)
    except KeyError:
        return None


def _foreseen(kind: str, context: Context) -> Dict[str, Any]:
    """What is foreseen of users or groups, by name; None for those that go."""
    found: Dict[str, Any] = context.foresights.people.known[kind] if context.foresights else {}
    return found


def need_account(kind: str, name: str, context: Context) -> bool:
    """Insist on a user or a group. False in a check where only a run can tell whether it will be there. Raises OperationError."""
    if (find if kind == "user" else find_group)(name, context) or (context.check and context.expected(kind, name)):
        return True
    if context.check and context.expects_surprises() and name not in _foreseen(kind, context):
        return False  # packages bring theirs
    raise nobody(kind, name)


def need_number(kind: str, number: int, name: str, context: Context) -> None:
    """Insist that nobody else has it. Raises OperationError."""
    foreseen = _foreseen(kind, context)
    try:
        has = (pwd.getpwuid if kind == "user" else grp.getgrgid)(number)[0]
    except KeyError:
        has = ""
    holders = [each for each, entry in foreseen.items() if entry and entry.number == number]
    for holder in holders or ([] if has in foreseen else [has]):
        if holder not in ("", name):
            raise OperationError("the number %d is that of the %s %s" % (number, kind, holder), hint="choose another for %s" % name)


def group_name(group: Any, wanted: str = "") -> Optional[str]:
    """A primary group as it is asked for: by number if that is how. None where only a run can tell its number."""
    try:
        if isinstance(group, str):  # foreseen
            return str(grp.getgrnam(group).gr_gid) if wanted.isdigit() and group != wanted else group
        return str(group) if wanted.isdigit() else grp.getgrgid(group).gr_name
    except KeyError:
        return None if isinstance(group, str) else str(group)


def joined(account: Account, context: Context) -> Set[str]:
    """The groups that a user is in, besides the primary one."""
    if account.joined is not None:
        return set(account.joined)
    emptied = context.foresights.people.emptied if context.foresights else set()
    return {entry.gr_name for entry in grp.getgrall() if account.name in entry.gr_mem} - emptied


def shadow(account: Account) -> List[str]:
    """The fields of the user's line in /etc/shadow. Raises OperationError."""
    if account.shadow:
        return account.shadow
    try:
        with open("/etc/shadow", encoding="utf-8") as handle:
            for line in handle:
                fields = line.split(":")
                if fields[0] == account.name:
                    return fields
    except OSError as error:
        raise OperationError("cannot read /etc/shadow: %s" % error.strerror, hint="this needs root") from error
    return [account.name, ""]


def change_accounts(command: Sequence[str], context: Context, give: Optional[str] = None) -> None:
    """Run useradd, usermod, groupadd or the like, and wait while another holds the lock. Raises OperationError."""
    for attempt in range(LOCK_LIMIT):
        completed = process.run(command, give=give, limit=60)
        if completed.status == 0:
            return
        if b"cannot lock" not in completed.errors:
            break
        if attempt == 0:
            context.note("waiting for the lock of /etc/passwd")
        context.wait(1.0)
    raise OperationError("%s ended with status %d" % (command[0], completed.status), last_lines=completed.last_lines())
