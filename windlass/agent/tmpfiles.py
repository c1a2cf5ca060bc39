"""How systemd is told what to make and to clean."""

from __future__ import annotations

import os
import stat
from typing import Any, Dict, List

from windlass.agent.core import ownership
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError, Outcome
from windlass.agent.file import file

FOLDERS, MADE, CHANGED = "dDvqQ", "fFpLCcb", "wzZmaAtThH"  # the first letters of lines
NOWHERE = "/nonexistent/windlass"  # lines are read, and those below it are done: none


def tmpfiles(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Apply the new lines, which is also their test, and only then install them."""
    wanted = {"owner": "root", "group": "root", "mode": "0644", "sensitive": False}
    command = ["systemd-tmpfiles", "--create", *(["--prefix=" + NOWHERE] if context.check else []), "%s"]
    outcome = file(dict(wanted, validate=command, **arguments), context)
    if outcome.changed and not arguments["absent"]:
        for words in _done_now(arguments["content"]):
            outcome.unknown = outcome.unknown or (context.check and _is_in_the_way(*words[:2]))
            if words[0][0] in FOLDERS:
                _foresee(words, outcome, context)
            else:
                _expect(words, context)
    return outcome


def _done_now(content: str) -> List[List[str]]:
    """The words of each line that is not only for a boot."""
    lines = [line.split() for line in content.split("\n") if not line.lstrip().startswith("#")]
    return [words for words in lines if len(words) > 1 and "!" not in words[0]]


def _is_in_the_way(kind: str, path: str) -> bool:
    """Whether something else is there, which some versions of systemd replace and others do not."""
    if kind[0] not in FOLDERS + "fF" or not os.path.lexists(path):
        return False
    return os.path.islink(path) or (os.path.isdir(path) if kind[0] in "fF" else not os.path.isdir(path))


def _expect(words: List[str], context: Context) -> None:
    """What else lines make, write to or give to somebody: only a run can tell what is there then."""
    kind, path = words[0], words[1]
    if kind[0] in MADE and "+" not in kind and kind[0] != "F":
        if "-" not in kind and "%" not in path and not os.path.lexists(path):
            context.need_writable(path)
        context.expect("path", path)
    elif kind[0] in MADE + CHANGED and context.foresights:
        context.foresights.whole(path)


def _foresee(words: List[str], outcome: Outcome, context: Context) -> None:
    path, before = words[1], context.foreseen(words[1])
    if not context.foresights or "%" in path:
        context.expect("path", path)
        return
    mode, owner, group = ("" if word == "-" else word for word in [*words[2:], "", "", ""][:3])
    context.foresights.need_owner(outcome, owner.lstrip(":"), group.lstrip(":"))
    if "-" not in words[0] and not _is_as_wanted(path, mode, owner, group):
        context.need_writable(path, of_itself=os.path.isdir(path))
    context.expect("path", path)
    context.foresights.folder(path, {"mode": mode if mode.isdigit() else "", "owner": owner, "group": group}, before)


def _is_as_wanted(path: str, mode: str, owner: str, group: str) -> bool:
    """Whether the folder is there and nothing of it changes; what begins with a colon is for new ones alone."""
    if not os.path.isdir(path):
        return False
    had = os.stat(path)
    try:
        ids = ownership.owner_ids(*("" if name.startswith(":") else name for name in (owner, group)))
    except OperationError:  # an earlier operation makes them
        return False
    same_mode = not mode.isdigit() or int(mode, 8) == stat.S_IMODE(had.st_mode)
    return same_mode and ids[0] in (-1, had.st_uid) and ids[1] in (-1, had.st_gid)
