"""How single lines of files are set."""

from __future__ import annotations

import os
import re
import stat
from typing import Any, Dict, List, Optional, Tuple

from windlass.agent.core import atomic
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.file import need_folder, text_of, validator


def line(arguments: Dict[str, Any], context: Context) -> Outcome:
    """One line of a text file: there, in its place, or gone."""
    path = os.path.realpath(arguments["path"])
    before = atomic.read_or_none(path)
    if before is None and arguments["absent"]:
        return Outcome(False)
    if before is None and not arguments["create"]:
        return _missing(path, context)
    changes = Changes()
    need_folder(changes, path, context)
    after, what = _edited((before or b"").decode("utf-8", "surrogateescape"), arguments)
    if what:
        secret = arguments["sensitive"] or isinstance(arguments["line"], dict)
        new = after.encode("utf-8", "surrogateescape")
        diff = "%s: the line is not shown" % path if secret else atomic.text_diff(before, new, path)
        changes.add(what, lambda: _write(path, new, arguments), diff)
        context.expect("path", path)
    return changes.outcome(context.check)


def _missing(path: str, context: Context) -> Outcome:
    if context.check and (context.expects_path(path) or context.expects_surprises()):
        return Outcome(True, "the file is not there yet", unknown=True)
    raise OperationError("there is no file %s" % path, hint="give create to make it, or install what brings it before")


def _edited(text: str, arguments: Dict[str, Any]) -> Tuple[str, str]:
    """The new text, and in words what happened to it; no words if nothing did. A file's own line ends are kept."""
    end = "\r\n" if 0 < text.count("\r\n") == text.count("\n") else "\n"
    lines = text.split(end)
    if lines[-1] == "":
        lines.pop()
    what = _remove(lines, arguments) if arguments["absent"] else _set(lines, arguments)
    return "".join(each + end for each in lines), what


def _remove(lines: List[str], arguments: Dict[str, Any]) -> str:
    match, wanted = arguments["match"], text_of(arguments["line"])
    kept = [each for each in lines if not (re.search(match, each) if match is not None else each == wanted)]
    count = len(lines) - len(kept)
    lines[:] = kept
    return "" if not count else "1 line removed" if count == 1 else "%d lines removed" % count


def _set(lines: List[str], arguments: Dict[str, Any]) -> str:
    wanted = text_of(arguments["line"])
    place = _last(lines, arguments["match"])
    if place is not None:
        if lines[place] == wanted:
            return ""
        lines[place] = wanted
        return "line replaced"
    if wanted in lines:
        return ""
    lines.insert(_place(lines, arguments), wanted)
    return "line added"


def _place(lines: List[str], arguments: Dict[str, Any]) -> int:
    if arguments["before"] == "BOF":
        return 0
    before, after = _last(lines, arguments["before"]), _last(lines, arguments["after"])
    if before is not None:
        return before
    return len(lines) if after is None else after + 1


def _last(lines: List[str], expression: Optional[str]) -> Optional[int]:
    if expression is None:
        return None
    found = [index for index, each in enumerate(lines) if re.search(expression, each)]
    return found[-1] if found else None


def _write(path: str, content: bytes, arguments: Dict[str, Any]) -> None:
    mode, owner, group = 0o644, "", ""
    if os.path.exists(path):
        status = os.stat(path)
        mode, owner, group = stat.S_IMODE(status.st_mode), str(status.st_uid), str(status.st_gid)
    atomic.write(path, [content], mode, owner, group, validator(arguments["validate"]))
