"""How cron jobs are written."""

from __future__ import annotations

from typing import Any, Dict

from windlass.agent.core.accounts import need_account
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Outcome
from windlass.agent.file import file


def cron(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A job in a file of its own; cron notices the new file by itself, and says nothing of a job whose user does not exist."""
    certain = arguments["absent"] or need_account("user", arguments["user"], context)
    wanted = {"owner": "root", "group": "root", "mode": "0644", "validate": None, "sensitive": False}
    outcome = file(dict(wanted, path=arguments["path"], content=arguments["content"], absent=arguments["absent"]), context)
    outcome.unknown = outcome.unknown or not certain
    return outcome
