"""How a directory becomes like one of the controller's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, Optional

from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.core.tree_memory import Found, TreeMemory, look
from windlass.agent.file import need_folder

if TYPE_CHECKING:
    from windlass.agent.core.tree_difference import Difference
    from windlass.agent.core.tree_manifest import Wanted


def tree(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A directory with these files, links and directories, and, if so wanted, no others."""
    path = os.path.normpath(arguments["path"])
    if context.is_unknown(path):
        return Outcome(True, "what is there is not known yet", unknown=True)
    if context.is_there(path) and not context.is_folder(path):
        raise OperationError("%s is there and is not a directory" % path, hint="move it away if it is not needed")
    path, changes = context.real(path), Changes()
    need_folder(changes, path, context)
    found, memory = _empty(path, context) or look(path), _memory(path, arguments, context)
    if not (memory and memory.knows(found)):
        _compare(found, memory, arguments, changes, context)
    return changes.outcome(context.check)


def _empty(path: str, context: Context) -> Optional[Found]:
    """The directory that an earlier operation of this check makes, in which nothing is."""
    foreseen = context.foreseen(path)
    if not foreseen or not foreseen.is_new_folder() or context.foresights.below(path):
        return None
    return Found(path, {"": foreseen.status()}, 0)


def _memory(path: str, arguments: Dict[str, Any], context: Context) -> Optional[TreeMemory]:
    """Of a large tree, whose description does not come along, unless earlier operations of this check do something to it."""
    is_foreseen = context.foresights and (context.foreseen(path) or context.foresights.below(path))
    return None if "description" in arguments["source"] or is_foreseen else TreeMemory(path, arguments)


def _compare(found: Found, memory: Optional[TreeMemory], arguments: Dict[str, Any], changes: Changes, context: Context) -> None:
    """All of it with what is wanted. What this needs takes as long to load as a look at a tree that is known to be as wanted."""
    from windlass.agent.core import tree_difference, tree_making, tree_previews  # noqa: PLC0415 - as above
    from windlass.agent.core.tree_manifest import Wanted  # noqa: PLC0415

    wanted, path = Wanted(arguments, context), found.root
    difference = tree_difference.between(wanted, found)
    if memory and not context.check:
        difference.remember()
        if not difference:
            memory.keep(found)
    if context.foresights and found.since:
        changes.unknown = changes.unknown or bool(context.foreseen(path)) or context.foresights.below(path)
    if difference:
        known = tree_previews.fetch(difference, wanted, context)
        told = tree_previews.told(difference, wanted, known)
        changes.add(_summary(difference), lambda: tree_making.make(difference, wanted, known, memory, context), told)
        _foresee(changes, difference, wanted, context)


def _foresee(changes: Changes, difference: Difference, wanted: Wanted, context: Context) -> None:
    context.need_writable(difference.root, of_itself=os.path.isdir(difference.root))
    context.expect("tree", difference.root)
    if not context.foresights:
        return
    context.foresights.need_owner(changes, wanted.owner, wanted.group)
    if changes.unknown:
        return
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
            context.foresights.file(place, dress, before, {"checksum": entry.value})


def _summary(difference: Difference) -> str:
    counts = (
        (len(difference.made), "new"),
        (len(difference.replaced), "changed"),
        (len(difference.surplus), "removed"),
        (len(difference.marked), "with another owner or mode"),
    )
    return ", ".join("%d %s" % (count, what) for count, what in counts if count)
