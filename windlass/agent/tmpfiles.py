"""How systemd is told what to make and to clean."""

from __future__ import annotations

import os
from typing import Any, Dict, List

from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Outcome
from windlass.agent.file import file

FOLDERS, MADE, CHANGED = "dDvqQ", "fFpLCcb", "wzZmaAtThH"  # the first letters of lines
NOWHERE = "/nonexistent/windlass"  # lines are read, and those below it are done: none


def tmpfiles(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Apply the new lines, which is also their test, and only then install them."""
    wanted = {"owner": "root", "group": "root", "mode": "0644", "sensitive": False}
    command = ["systemd-tmpfiles", "--create", *(["--prefix=" + NOWHERE] if context.check else []), "%s"]
    outcome = file(dict(wanted, validate=command, **arguments), context)
    if outcome.changed and not arguments["absent"]:
        for line in arguments["content"].split("\n"):
            words = line.split()
            outcome.unknown = outcome.unknown or (context.check and len(words) > 1 and _is_in_the_way(*words[:2]))
            if len(words) > 1 and words[0][0] in FOLDERS:
                _foresee(words, outcome, context)
            elif len(words) > 1:
                _expect(words, context)
    return outcome


def _is_in_the_way(kind: str, path: str) -> bool:
    """Whether something else is there, which some versions of systemd replace and others do not."""
    if kind[0] not in FOLDERS + "fF" or not os.path.lexists(path):
        return False
    return os.path.islink(path) or (os.path.isdir(path) if kind[0] in "fF" else not os.path.isdir(path))


def _expect(words: List[str], context: Context) -> None:
    """What else lines make, write to or give to somebody: only a run can tell what is there then."""
    kind, path = words[0], words[1]
    if kind[0] in MADE and "+" not in kind and kind[0] != "F":
        context.expect("path", path)
    elif kind[0] in MADE + CHANGED and context.foresights:
        context.foresights.whole(path)


def _foresee(words: List[str], outcome: Outcome, context: Context) -> None:
    path, before = words[1], context.foreseen(words[1])
    context.expect("path", path)
    if context.foresights and "%" not in path:
        mode, owner, group = ("" if word == "-" else word for word in [*words[2:], "", "", ""][:3])
        context.foresights.need_owner(outcome, owner.lstrip(":"), group.lstrip(":"))
        context.foresights.folder(path, {"mode": mode if mode.isdigit() else "", "owner": owner, "group": group}, before)
