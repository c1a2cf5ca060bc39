"""How groups of accounts come to be, and go."""

from __future__ import annotations

import grp
import pwd
from typing import Any, Dict, List, Optional

from windlass.agent.core.accounts import Band, change_accounts, find_group, need_number
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome


def group(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A group, or none."""
    name, changes, has = arguments["name"], Changes(), find_group(arguments["name"], context)
    if arguments["absent"]:
        if has:
            _need_nobody(name, has, context)
            changes.add("remove", lambda: change_accounts(["groupdel", name], context), "-group %s" % name)
    else:
        _want(changes, has, arguments, context)
    if changes and context.foresights:
        context.foresights.people.group(has, arguments)
    return changes.outcome(context.check)


def _want(changes: Changes, has: Optional[Band], arguments: Dict[str, Any], context: Context) -> None:
    name, wanted = arguments["name"], arguments["gid"]
    if wanted is not None and (not has or has.number != wanted):
        need_number("group", wanted, name, context)
    if not has:
        changes.add("make", lambda: change_accounts(_new(arguments), context), "+group %s" % name)
        context.expect("group", name)
    elif wanted is not None and has.number != wanted:
        text = "number %s becomes %d" % ("unknown" if has.number is None else has.number, wanted)
        command = ["groupmod", "--gid", str(wanted), name]
        changes.unknown = has.number is None
        changes.add(text, lambda: change_accounts(command, context), "group %s: %s" % (name, text))


def _need_nobody(name: str, has: Band, context: Context) -> None:
    """groupdel refuses the primary group of anybody, who goes along when its number changes."""
    numbers = {has.number, *(each.gr_gid for each in grp.getgrall() if each.gr_name == name)}
    foreseen = context.foresights.people.known["user"] if context.foresights else {}
    users = [each for each, account in foreseen.items() if account and account.group in {name, *numbers}]
    users += [each.pw_name for each in pwd.getpwall() if each.pw_gid in numbers and each.pw_name not in foreseen]
    if users:
        raise OperationError(
            "%s is the primary group of %s" % (name, users[0]), hint="remove that user before, or give them another"
        )


def _new(arguments: Dict[str, Any]) -> List[str]:
    number = [] if arguments["gid"] is None else ["--gid", str(arguments["gid"])]
    return ["groupadd"] + number + (["--system"] if arguments["system"] else []) + [arguments["name"]]
