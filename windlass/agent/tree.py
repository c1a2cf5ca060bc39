"""How a directory becomes like one of the controller's."""

from __future__ import annotations

import os
from typing import Any, Dict

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
    if os.path.lexists(path) and not os.path.isdir(path):
        raise OperationError("%s is there and is not a directory" % path, hint="move it away if it is not needed")
    path = os.path.realpath(path)
    changes = Changes()
    need_folder(changes, path, context)
    wanted = Wanted(arguments)
    difference = tree_difference.between(path, wanted)
    if not context.check:
        difference.remember()
    if difference:
        known = tree_previews.fetch(difference, wanted, context)
        told = tree_previews.told(difference, wanted, known)
        changes.add(_summary(difference), lambda: make(difference, wanted, known, context), told)
        context.expect("tree", path)
    return changes.outcome(context.check)


def _summary(difference: Difference) -> str:
    counts = (
        (len(difference.made), "new"),
        (len(difference.replaced), "changed"),
        (len(difference.surplus), "removed"),
        (len(difference.marked), "with another owner or mode"),
    )
    return ", ".join("%d %s" % (count, what) for count, what in counts if count)
