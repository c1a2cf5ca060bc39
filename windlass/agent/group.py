"""How groups of accounts come to be, and go."""

from __future__ import annotations

import grp
from typing import Any, Dict, List

from windlass.agent.core.accounts import change_accounts
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, Outcome


def group(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A group, or none."""
    name, wanted = arguments["name"], arguments["gid"]
    try:
        has = grp.getgrnam(name)
    except KeyError:
        has = None
    changes = Changes()
    if arguments["absent"]:
        if has:
            changes.add("remove", lambda: change_accounts(["groupdel", name], context), "-group %s" % name)
    elif not has:
        changes.add("make", lambda: change_accounts(_new(arguments), context), "+group %s" % name)
        context.expect("group", name)
    elif wanted is not None and has.gr_gid != wanted:
        text = "number %d becomes %d" % (has.gr_gid, wanted)
        command = ["groupmod", "--gid", str(wanted), name]
        changes.add(text, lambda: change_accounts(command, context), "group %s: %s" % (name, text))
    return changes.outcome(context.check)


def _new(arguments: Dict[str, Any]) -> List[str]:
    number = [] if arguments["gid"] is None else ["--gid", str(arguments["gid"])]
    return ["groupadd"] + number + (["--system"] if arguments["system"] else []) + [arguments["name"]]
