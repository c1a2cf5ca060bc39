"""How a directory becomes like one of the controller's."""

from __future__ import annotations

import os
from typing import Any, Dict, Optional

from windlass.agent.core import tree_difference, tree_previews
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.core.tree_difference import Difference
from windlass.agent.core.tree_making import make
from windlass.agent.core.tree_manifest import Wanted
from windlass.agent.file import need_folder


def tree(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A directory with these files, links and directories, and, if so wanted, no others."""
    path = os.path.normpath(arguments["path"])
    if context.is_unknown(path):
        return Outcome(True, "what is there is not known yet", unknown=True)
    if context.is_there(path) and not context.is_folder(path):
        raise OperationError("%s is there and is not a directory" % path, hint="move it away if it is not needed")
    path, changes = context.real(path), Changes()
    need_folder(changes, path, context)
    wanted, empty = Wanted(arguments), _empty(path, context)
    difference = tree_difference.between(path, wanted, empty)
    if not context.check:
        difference.remember()
    if context.foresights and not empty:
        changes.unknown = changes.unknown or bool(context.foreseen(path)) or context.foresights.below(path)
    if difference:
        known = tree_previews.fetch(difference, wanted, context)
        told = tree_previews.told(difference, wanted, known)
        changes.add(_summary(difference), lambda: make(difference, wanted, known, context), told)
        context.expect("tree", path)
        if context.foresights:
            context.foresights.need_owner(changes, wanted.owner, wanted.group)
        if context.foresights and not changes.unknown:
            _foresee(difference, wanted, context)
    return changes.outcome(context.check)


def _empty(path: str, context: Context) -> Optional[os.stat_result]:
    """The directory that an earlier operation of this check makes, in which nothing is."""
    foreseen = context.foreseen(path)
    if not foreseen or not foreseen.is_new_folder() or context.foresights.below(path):
        return None
    status: Optional[os.stat_result] = foreseen.status()
    return status


def _foresee(difference: Difference, wanted: Wanted, context: Context) -> None:
    for path in difference.surplus:
        context.foresights.gone(difference.place(path))
    for entry in sorted([*difference.made, *difference.replaced, *difference.marked], key=lambda entry: entry.path):
        place = difference.place(entry.path)
        dress = {"owner": wanted.owner, "group": wanted.group, "mode": "%o" % entry.mode}
        before = None if entry in difference.marked else context.foresights.nothing
        if entry.kind == "l":
            context.foresights.link(place, entry.value)
        elif entry.kind == "d":
            context.foresights.folder(place, dress, before)
        else:
            context.foresights.file(place, dress, before, {"sha256": entry.value})


def _summary(difference: Difference) -> str:
    counts = (
        (len(difference.made), "new"),
        (len(difference.replaced), "changed"),
        (len(difference.surplus), "removed"),
        (len(difference.marked), "with another owner or mode"),
    )
    return ", ".join("%d %s" % (count, what) for count, what in counts if count)
