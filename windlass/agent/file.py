"""How files come to have their content."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import Any, Callable, Dict, Iterator, List, Optional

from windlass.agent.core import atomic, process
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome


def file(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Content, owner and mode of a regular file."""
    path = arguments["path"]
    if arguments["absent"]:
        return _absent(path, context)
    _check_folder(path, context)
    changes = Changes()
    content = arguments["content"]
    if content is None and not os.path.lexists(path):
        content = ""
    if content is not None and not _holds(path, content):
        changes.add("content", _writer(arguments, content, context), _diff(arguments, content, path))
    elif os.path.lexists(path):
        metadata(changes, path, arguments["owner"], arguments["group"], arguments["mode"])
    if changes:
        context.expect("path", path)
    return changes.outcome(context.check)


def _absent(path: str, context: Context) -> Outcome:
    changes = Changes()
    if os.path.isdir(path) and not os.path.islink(path):
        raise OperationError("%s is a directory" % path, hint="say so with a Directory that is absent")
    if os.path.lexists(path):
        changes.add("remove", lambda: os.unlink(path))
    return changes.outcome(context.check)


def _check_folder(path: str, context: Context) -> None:
    folder = os.path.dirname(path) or "/"
    if not os.path.isdir(folder) and not (context.check and context.expects_path(folder)):
        raise OperationError("there is no folder %s" % folder, hint="add a Directory for it before this operation")
    if os.path.isdir(path) and not os.path.islink(path):
        raise OperationError("%s is a directory, not a file" % path, hint="move it away if it is not needed")


def _holds(path: str, content: Any) -> bool:
    """Whether the regular file already has this content; big files are compared by checksum."""
    if not os.path.isfile(path) or os.path.islink(path):
        return False
    if isinstance(content, dict) and "sha256" in content:
        return os.path.getsize(path) == int(content["size"]) and sha256_of(path) == str(content["sha256"])
    wanted = text_of(content).encode()
    return os.path.getsize(path) == len(wanted) and atomic.read_or_none(path) == wanted


def text_of(content: Any) -> str:
    """The text of an argument that may be a secret."""
    return str(content["secret"]) if isinstance(content, dict) else str(content)


def sha256_of(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as handle:
        while True:
            chunk = handle.read(1 << 20)
            if not chunk:
                return digest.hexdigest()
            digest.update(chunk)


def _writer(arguments: Dict[str, Any], content: Any, context: Context) -> Callable[[], None]:
    def write() -> None:
        chunks = received(content, context) if isinstance(content, dict) and "sha256" in content else [text_of(content).encode()]
        atomic.write(
            arguments["path"],
            chunks,
            int(arguments["mode"], 8),
            arguments["owner"],
            arguments["group"],
            _validator(arguments["validate"]),
        )

    return write


def received(content: Dict[str, Any], context: Context) -> Iterator[bytes]:
    """The offered content, checked against its checksum at the end."""
    digest = hashlib.sha256()
    for chunk in context.fetch(content["sha256"]):
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != content["sha256"]:
        raise OperationError("the content arrived damaged (its checksum differs)", hint="run it again")


def _validator(command: Optional[List[str]]) -> Optional[Callable[[str], None]]:
    if not command:
        return None

    def validate(temporary: str) -> None:
        completed = process.run([argument.replace("%s", temporary) for argument in command])
        if completed.status != 0:
            raise OperationError("the new content is not valid, the old stays", last_lines=completed.last_lines())

    return validate


def _diff(arguments: Dict[str, Any], content: Any, path: str) -> str:
    if arguments["sensitive"] or (isinstance(content, dict) and "secret" in content):
        return "%s: content is not shown" % path
    if isinstance(content, dict):
        return "%s: %d bytes, sha256 %s" % (path, content["size"], content["sha256"][:12])
    before = atomic.read_or_none(path) if os.path.isfile(path) else None
    return atomic.text_diff(before, text_of(content).encode(), path)


def metadata(changes: Changes, path: str, owner: str, group: str, mode: str) -> None:
    """Add what differs in owner, group and mode of a path that is there; empty means any."""
    has_owner, has_group, has_mode = atomic.owner_and_mode(path)
    if (owner and owner != has_owner) or (group and group != has_group):
        text = "owner %s:%s becomes %s:%s" % (has_owner, has_group, owner or has_owner, group or has_group)
        changes.add(
            text,
            lambda: os.chown(path, *atomic.owner_ids(owner, group), follow_symlinks=False),
            "%s: %s" % (path, text),
        )
    if mode and not stat.S_ISLNK(os.lstat(path).st_mode) and int(mode, 8) != has_mode:
        text = "mode %04o becomes %04o" % (has_mode, int(mode, 8))
        changes.add(text, lambda: os.chmod(path, int(mode, 8)), "%s: %s" % (path, text))
