"""Changing parts of text files that somebody else owns."""

from __future__ import annotations

import os
import stat
from typing import Any, Callable, Dict, List, Optional, Tuple

from windlass.agent.core import atomic, attributes, diffs
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.file import examine, need_folder, validator

KEPT = {"owner": "", "group": "", "mode": ""}
Change = Callable[[str], Tuple[str, str]]


def edit(arguments: Dict[str, Any], context: Context, change: Change, secret: bool) -> Outcome:
    """Change one file, of which owner and mode stay. `change` gives the new text and in words what it did; no words if nothing.

    The arguments are `path`, `absent`, `create` and `validate`.
    """
    path = context.real(arguments["path"])
    foreseen = context.foreseen(path)
    if foreseen and foreseen.is_unread():
        return Outcome(True, "what is in the file is not known yet", unknown=True)
    before = foreseen.text(path) if foreseen else atomic.read_or_none(path)
    if before is None and arguments["absent"]:
        return Outcome(False)
    if before is None and not arguments["create"]:
        return _missing(path, context)
    changes = Changes()
    need_folder(changes, path, context)
    want_text(changes, path, change, context, arguments["validate"], secret)
    return changes.outcome(context.check)


def want_text(
    changes: Changes, path: str, change: Change, context: Context, validate: Optional[List[str]] = None, secret: bool = False
) -> None:
    """Add the change of a file, bytes that are no text included, which stay as they are."""
    foreseen = context.foreseen(path)
    if foreseen and foreseen.is_unread():
        changes.unknown = True
        return
    before = foreseen.text(path) if foreseen else atomic.read_or_none(path)
    after, what = change((before or b"").decode("utf-8", "surrogateescape"))
    if what:
        new = after.encode("utf-8", "surrogateescape")
        diff = "%s: the change is not shown" % path if secret else diffs.shown_diff(before, new, path, context)
        changes.add(what + ("" if foreseen else attributes.other_names(path)), lambda: _write(path, new, validate, secret), diff)
        examine(changes, [new], dict(KEPT, path=path), validate, context)
        context.need_writable(path)
        context.expect("path", path)
        if context.foresights:
            context.foresights.file(path, KEPT, foreseen, new, secret or diffs.holds_secret(path, context))
    elif secret and before is not None:
        diffs.mark_secret(path, context)


def _missing(path: str, context: Context) -> Outcome:
    if context.check and (context.expects_path(path) or context.expects_surprises()):
        return Outcome(True, "the file is not there yet", unknown=True)
    raise OperationError("there is no file %s" % path, hint="give create to make it, or install what brings it before")


def _write(path: str, content: bytes, validate: Optional[List[str]], secret: bool) -> None:
    mode, owner, group = 0o644, "", ""
    if os.path.exists(path):
        status = os.stat(path)
        mode, owner, group = stat.S_IMODE(status.st_mode), str(status.st_uid), str(status.st_gid)
    atomic.write(path, [content], mode, owner, group, validator(validate))
    if secret:
        attributes.mark(path, True)  # and else it stays as it was


def lines_of(text: str) -> Tuple[List[str], str]:
    """The lines without their ends, and how this file ends its lines."""
    end = "\r\n" if 0 < text.count("\r\n") == text.count("\n") else "\n"
    lines = text.split(end)
    if lines[-1] == "":
        lines.pop()
    return lines, end


def place_for(lines: List[str], after: Optional[str], before: Optional[str]) -> int:
    """Where something new goes: in front of, or behind, the last line that matches; else the end. "BOF" and "EOF" are the ends."""
    if before == "BOF":
        return 0
    if after == "EOF":
        return len(lines)
    in_front, behind = last_match(lines, before), last_match(lines, after)
    if in_front is not None:
        return in_front
    return len(lines) if behind is None else behind + 1


def last_match(lines: List[str], expression: Optional[str]) -> Optional[int]:
    """The index of the last line that an expression finds; None for none, or without an expression."""
    if expression is None:
        return None
    found = [index for index, each in enumerate(lines) if matches(expression, each)]
    return found[-1] if found else None


def matches(expression: str, line: str) -> bool:
    """Whether a regular expression is found in a line."""
    import re  # noqa: PLC0415 - most lines are looked for as they are

    return bool(re.search(expression, line))
