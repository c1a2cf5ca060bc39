"""How rules of sudo are written."""

from __future__ import annotations

from typing import Any, Dict

from windlass.agent.core.accounts import need_account
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Outcome
from windlass.agent.file import file

VISUDO = ["visudo", "-cf", "%s"]


def sudoers(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A rule in a file of its own. sudo says nothing of a rule whose user does not exist: it never holds."""
    kind, name = ("group", arguments["group"]) if arguments["group"] else ("user", arguments["user"])
    certain = arguments["absent"] or need_account(kind, name, context)
    wanted = {"owner": "root", "group": "root", "mode": "0440", "sensitive": False, "validate": VISUDO}
    outcome = file(dict(wanted, path=arguments["path"], content=arguments["content"], absent=arguments["absent"]), context)
    outcome.unknown = outcome.unknown or not certain
    return outcome
