"""How archives become directories, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any, Dict, Optional

from windlass.agent.core import atomic, process, tar
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.directory import want_owner_below
from windlass.agent.file import metadata, need_folder, received, sha256_of


def archive(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A directory with what an archive holds."""
    path, owner, group = arguments["path"], arguments["owner"], arguments["group"]
    changes = Changes()
    wanted = _wanted(arguments["content"], context)
    has = atomic.read_or_none(os.path.join(path, arguments["marker"])) if os.path.isdir(path) else None
    if wanted is not None and has is not None and has.decode("ascii", "replace").strip() == wanted:
        metadata(changes, path, owner, group, "")
        if changes:
            want_owner_below(changes, path, owner, group)
        return changes.outcome(context.check)
    _check_place(path, arguments["replace"])
    need_folder(changes, path, context)
    label = (wanted or "unknown")[:12]
    changes.add("unpack", lambda: _install(arguments, context), "+%s/ from an archive with sha256 %s" % (path, label))
    changes.unknown = changes.unknown or wanted is None
    context.expect("tree", path)
    return changes.outcome(context.check)


def _wanted(content: Any, context: Context) -> Optional[str]:
    """The archive's checksum; None in a check of one that an earlier operation would bring."""
    if isinstance(content, dict):
        return str(content["sha256"])
    if os.path.isfile(content):
        return sha256_of(content)
    if context.check and context.expects_path(content):
        return None
    raise OperationError("there is no archive %s" % content, hint="add a Download or a File for it before this operation")


def _check_place(path: str, replace: bool) -> None:
    if not os.path.lexists(path):
        return
    if os.path.islink(path) or not os.path.isdir(path):
        raise OperationError("%s is there and is not a directory" % path, hint="move it away if it is not needed")
    if os.listdir(path) and not replace:
        raise OperationError("%s holds something else" % path, hint="give replace to put the archive in its place, or another path")


def _install(arguments: Dict[str, Any], context: Context) -> None:
    """Fetch, unpack under a partial name, write the marker, make it durable, and give it its name."""
    path, content = arguments["path"], arguments["content"]
    folder = os.path.dirname(path) or "/"
    owner = (arguments["owner"], arguments["group"])
    ids = atomic.owner_ids(*owner)
    work = tempfile.mkdtemp(prefix="." + os.path.basename(path) + ".", dir=folder)
    try:
        source = content
        if isinstance(content, dict):
            source = os.path.join(work, "archive")
            atomic.write(source, received(content, context), 0o600)
        tree = os.path.join(work, "tree")
        os.mkdir(tree, 0o755)
        tar.unpack(source, tree, arguments["strip"], ids)
        atomic.write(os.path.join(tree, arguments["marker"]), [(sha256_of(source) + "\n").encode()], 0o644, *owner)
        os.chown(tree, *ids)
        process.must(["sync", "--file-system", tree])
        if os.path.isdir(path) and os.listdir(path):
            os.rename(path, os.path.join(work, "old"))
        os.rename(tree, path)
        atomic.sync_folder(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
