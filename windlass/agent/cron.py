"""How cron jobs are written."""

from __future__ import annotations

import pwd
from typing import Any, Dict

from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError, Outcome
from windlass.agent.file import file


def cron(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A job in a file of its own; cron notices the new file by itself."""
    if not arguments["absent"]:
        _check_user(arguments["user"], context)
    wanted = {"owner": "root", "group": "root", "mode": "0644", "validate": None, "sensitive": False}
    return file(dict(wanted, path=arguments["path"], content=arguments["content"], absent=arguments["absent"]), context)


def _check_user(user: str, context: Context) -> None:
    """cron says nothing of a job whose user does not exist; it never runs."""
    try:
        pwd.getpwnam(user)
    except KeyError:
        if not (context.check and context.expected("user", user)):
            raise OperationError("there is no user %s on this host" % user, hint="add a User before this operation") from None
