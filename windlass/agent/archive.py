"""How archives become directories, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from typing import Any, Dict, Iterator, List, Optional, Tuple

from windlass.agent.core import atomic, leftovers, modules, ownership, process, tar, temporary, unpacked
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.directory import want_owner_below
from windlass.agent.file import metadata, need_folder, received, sha256_of

LITTLE = 4 << 20  # bytes that are sent for a check to look at
MOST_LINES = 20  # of a diff
REHEARSAL = "windlass.agent.core.rehearsal"  # comes for a check


def archive(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A directory with what an archive holds."""
    path, changes = arguments["path"], Changes()
    wanted = _wanted(arguments["content"], context)
    note = unpacked.parsed(atomic.read_or_none(os.path.join(path, arguments["marker"]))) if os.path.isdir(path) else None
    if wanted is not None and note is not None and note.is_of(wanted, _how(arguments)):
        return _as_it_was(note, arguments, context)
    _check_place(path, arguments["replace"])
    need_folder(changes, path, context)
    label = (wanted or "unknown")[:12]
    changes.add("unpack", lambda: _install(arguments, context), "+%s/ from an archive with sha256 %s" % (path, label))
    context.need_writable(path)
    context.expect("tree", path)
    if context.foresights:
        _foresee(changes, arguments, context)
    return changes.outcome(context.check)


def _foresee(changes: Changes, arguments: Dict[str, Any], context: Context) -> None:
    content = arguments["content"]
    is_offered = isinstance(content, dict)
    if content["size"] > LITTLE if is_offered else context.foreseen(content) or not os.path.isfile(content):
        changes.unknown = True  # whether it is whole, and holds nothing that is refused
    else:
        modules.get(REHEARSAL, context).rehearse(lambda: _try_out(arguments, context), changes, context)
    context.foresights.need_owner(changes, arguments["owner"], arguments["group"])
    context.foresights.whole(arguments["path"])


def _try_out(arguments: Dict[str, Any], context: Context) -> None:
    """Unpack it with nothing in its files, in a folder of its own. Raises OperationError, as the run would."""
    with temporary.folder("check") as work:
        source, tree = arguments["content"], os.path.join(work, "tree")
        if isinstance(source, dict):
            source = os.path.join(work, "archive")
            with open(source, "wb") as handle:
                handle.writelines(received(arguments["content"], context))
        os.mkdir(tree)
        tar.unpack(source, tree, _selection(arguments)._replace(empty=True), (-1, -1))


def _how(arguments: Dict[str, Any]) -> List[Any]:
    return [arguments["strip"], arguments["include"], arguments["exclude"]]


def _wanted(content: Any, context: Context) -> Optional[str]:
    """The archive's checksum; None in a check of one that an earlier operation would bring."""
    if isinstance(content, dict):
        return str(content["checksum"])
    foreseen = context.foreseen(content)
    if foreseen and foreseen.checksum and "-" not in foreseen.checksum:  # of the whole, as notes are
        return str(foreseen.checksum)
    if os.path.isfile(content) and not foreseen:
        return sha256_of(content)
    if context.check and context.expects_path(content):
        return None
    raise OperationError("there is no archive %s" % content, hint="add a Download or a File for it before this operation")


def _as_it_was(note: unpacked.Note, arguments: Dict[str, Any], context: Context) -> Outcome:
    """The owner, and what has been deleted or changed since it was unpacked."""
    path, owner, group, changes = arguments["path"], arguments["owner"], arguments["group"], Changes()
    metadata(changes, path, owner, group, "")
    if changes:
        want_owner_below(changes, path, owner, group)
    wrong, seen = note.compared(path) if arguments["compare"] else ([], note)
    if wrong:
        _want_back(changes, wrong, arguments, context)
    outcome = changes.outcome(context.check)
    if arguments["compare"] and not context.check:
        _keep_note(note, note.compared(path)[1] if outcome.changed else seen, arguments)
    return outcome


def _want_back(changes: Changes, wrong: List[str], arguments: Dict[str, Any], context: Context) -> None:
    shown = ["%s/%s: as in the archive" % (arguments["path"], name) for name in wrong[:MOST_LINES]]
    if len(wrong) > MOST_LINES:
        shown.append("and %d more" % (len(wrong) - MOST_LINES))
    text = "put back %s" % (wrong[0] if len(wrong) == 1 else "%d files and folders" % len(wrong))
    changes.add(text, lambda: _repair(arguments, wrong, context), "\n".join(shown))


def _keep_note(old: unpacked.Note, new: unpacked.Note, arguments: Dict[str, Any]) -> None:
    """What was touched and is right need not be read again by the next run."""
    if new.entries != old.entries:
        _write_note(new, arguments["path"], arguments)


def _check_place(path: str, replace: bool) -> None:
    if not os.path.lexists(path):
        return
    if os.path.islink(path) or not os.path.isdir(path):
        raise OperationError("%s is there and is not a directory" % path, hint="move it away if it is not needed")
    if os.listdir(path) and not replace:
        raise OperationError("%s holds something else" % path, hint="give replace to put the archive in its place, or another path")


@contextlib.contextmanager
def _beside(arguments: Dict[str, Any], context: Context) -> Iterator[Tuple[str, str]]:
    """A folder to work in, and in it the archive unpacked, with its note, and on the disk."""
    path, content = arguments["path"], arguments["content"]
    ids = ownership.owner_ids(arguments["owner"], arguments["group"])
    folder, prefix = os.path.dirname(path) or "/", "." + os.path.basename(path) + "."
    work = tempfile.mkdtemp(prefix=prefix, dir=folder)
    with leftovers.noted(work):
        try:
            source = content
            if isinstance(content, dict):
                source = os.path.join(work, "archive")
                atomic.write(source, received(content, context, home=folder), 0o600)
            leftovers.clear(os.path.join(folder, prefix))  # what had arrived there has been used by now
            tree = os.path.join(work, "tree")
            os.mkdir(tree, 0o755)
            tar.unpack(source, tree, _selection(arguments), ids)
            entries = unpacked.entries_of(tree) if arguments["compare"] else {}
            _write_note(unpacked.Note(sha256_of(source), _how(arguments), entries), tree, arguments)
            os.chown(tree, *ids)
            process.must(["sync", "--file-system", tree])
            yield work, tree
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _selection(arguments: Dict[str, Any]) -> tar.Selection:
    include, exclude = (re.compile(arguments[each]) if arguments[each] else None for each in ("include", "exclude"))
    return tar.Selection(arguments["strip"], include, exclude)


def _write_note(note: unpacked.Note, folder: str, arguments: Dict[str, Any]) -> None:
    note.entries.pop(arguments["marker"], None)
    atomic.write(os.path.join(folder, arguments["marker"]), [note.text()], 0o644, arguments["owner"], arguments["group"])


def _install(arguments: Dict[str, Any], context: Context) -> None:
    """Give the whole directory its name."""
    path = arguments["path"]
    with _beside(arguments, context) as (work, tree):
        aside = work + ".old"  # not in the working folder: whatever happens now, nothing removes it while it has no successor
        if os.path.isdir(path) and os.listdir(path):
            os.rename(path, aside)
        _named(tree, path, aside)
        atomic.sync_folder(os.path.dirname(path) or "/")
        shutil.rmtree(aside, ignore_errors=True)


def _named(tree: str, path: str, aside: str) -> None:
    try:
        os.rename(tree, path)
    except OSError:
        if os.path.isdir(aside):
            os.rename(aside, path)
        raise


def _repair(arguments: Dict[str, Any], wrong: List[str], context: Context) -> None:
    """Put back what is wrong, and nothing else: others may have put something into the directory."""
    with _beside(arguments, context) as (_work, tree):
        unpacked.put_back(tree, arguments["path"], wrong)
