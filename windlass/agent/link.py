"""How symbolic links are pointed somewhere."""

from __future__ import annotations

import os
from typing import Any, Dict

from windlass.agent.core import atomic
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.file import need_folder


def link(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A symbolic link to a target, or none."""
    path, target = arguments["path"], arguments["target"]
    changes, foreseen = Changes(), context.foreseen(path)
    if foreseen:
        has = foreseen.target or None
        changes.unknown = foreseen.is_unknown() or (foreseen.is_folder() and arguments["force"])
    else:
        has = os.readlink(path) if os.path.islink(path) else None
    if has is None and context.is_there(path) and not changes.unknown:
        _check_replaceable(path, arguments["force"] and not arguments["absent"], not foreseen and os.path.isdir(path))
    if arguments["absent"]:
        if has is not None:
            context.need_writable(path)
            changes.add("remove", lambda: os.unlink(path), "-%s -> %s" % (path, has))
    elif has != target:
        need_folder(changes, path, context)
        context.need_writable(path)
        before = "" if has is None else "-%s -> %s\n" % (path, has)
        changes.add("target", lambda: _point(path, target), before + "+%s -> %s" % (path, target))
        context.expect("path", path)
    if changes and context.foresights:
        context.foresights.gone(path) if arguments["absent"] else context.foresights.link(path, target)
    return changes.outcome(context.check)


def _check_replaceable(path: str, force: bool, is_folder: bool) -> None:
    """Something else stands there: only a file or an empty directory goes, and only by force."""
    if not force:
        raise OperationError(
            "%s is there and is not a link" % path, hint="move it away, or give force to replace a file or an empty directory"
        )
    if is_folder and os.listdir(path):
        raise OperationError("%s is a directory that is not empty" % path, hint="move it away; it is never replaced by a link")


def _point(path: str, target: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        os.rmdir(path)
    atomic.replace_link(path, target)
    atomic.sync_folder(os.path.dirname(path) or "/")
