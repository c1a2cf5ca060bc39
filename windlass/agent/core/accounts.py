"""The programs that change /etc/passwd and its kin, which only one of them may do at a time."""

from __future__ import annotations

import grp
import pwd
from typing import Optional, Sequence

from windlass.agent.core import process
from windlass.agent.core.atomic import nobody
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError

LOCK_LIMIT = 30  # seconds; a package being installed makes accounts, too


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


def need_account(kind: str, name: str, context: Context) -> None:
    """Insist on a user or a group; in a check an earlier operation may be what makes it. Raises OperationError."""
    try:
        if kind == "user":
            pwd.getpwnam(name)
        else:
            grp.getgrnam(name)
    except KeyError:
        if not (context.check and (context.expected(kind, name) or context.expects_surprises())):
            raise nobody(kind, name) from None
