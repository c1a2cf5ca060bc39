"""How systemd is told what to make and to clean."""

from __future__ import annotations

from typing import Any, Dict, List

from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Outcome
from windlass.agent.file import file

NOWHERE = "/nonexistent/windlass"  # lines are read, and those below it are done: none


def tmpfiles(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Apply the new lines, which is also their test, and only then install them."""
    wanted = {"owner": "root", "group": "root", "mode": "0644", "sensitive": False}
    command = ["systemd-tmpfiles", "--create", *(["--prefix=" + NOWHERE] if context.check else []), "%s"]
    outcome = file(dict(wanted, validate=command, **arguments), context)
    if outcome.changed and not arguments["absent"]:
        for line in arguments["content"].split("\n"):
            words = line.split()
            if len(words) > 1 and words[0][0] in "dDvqQ":
                _foresee(words, outcome, context)
    return outcome


def _foresee(words: List[str], outcome: Outcome, context: Context) -> None:
    path, before = words[1], context.foreseen(words[1])
    context.expect("path", path)
    if context.foresights and "%" not in path:
        mode, owner, group = ("" if word == "-" else word for word in [*words[2:], "", "", ""][:3])
        context.foresights.need_owner(outcome, owner.lstrip(":"), group.lstrip(":"))
        context.foresights.folder(path, {"mode": mode if mode.isdigit() else "", "owner": owner, "group": group}, before)
