"""What `dataclass` writes is kept compiled from one start to the next: compiling it anew takes a fifth of a start.

For each of our classes it composes half a dozen functions as text and hands them to `exec`, a name that it looks for in its own
module first. There it finds ours, which knows the code of texts seen before. They lie in the user's cache folder, as Python's own
compiled modules lie beside theirs; a file that somebody else could have written, or that is torn, counts for nothing.
"""

from __future__ import annotations

import atexit
import builtins
import contextlib
import dataclasses
import hashlib
import marshal
import os
import sys
from pathlib import Path
from types import CodeType
from typing import Any, Final

from windlass.tasks import own_file

MOST_TEXTS: Final = 4000
DIGEST: Final = 32  # bytes in front of the file

_known: dict[str, CodeType] = {}
_new: dict[str, CodeType] = {}


def start() -> None:
    """From now on classes are made from what is kept; what is new is kept when the program ends."""
    if "exec" in vars(dataclasses):
        return
    _known.update(_read(_path()))
    vars(dataclasses)["exec"] = _exec
    atexit.register(_keep)


def _exec(text: Any, globals_: dict[str, Any] | None = None, locals_: dict[str, Any] | None = None) -> None:
    """The built-in one, but for compiling the same text again."""
    code = text
    if isinstance(text, str):
        code = _known.get(text)
        if code is None:
            code = _known[text] = _new[text] = compile(text, "<dataclass>", "exec")
    builtins.exec(code, globals_, locals_)  # noqa: S102 - what the standard library wants executed


def _path() -> Path:
    """Of another Python the same text is other code."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    cache = named if os.path.isabs(named) else os.path.expanduser("~/.cache")  # noqa: PTH111, PTH117 - who has no home gets it back
    name = f"{sys.implementation.cache_tag}-{sys.hexversion:x}-{sys.flags.optimize}"
    return Path(cache) / "windlass" / f"dataclasses-{name}"


def _read(path: Path) -> dict[str, CodeType]:
    with contextlib.suppress(OSError, ValueError, EOFError, TypeError):
        content = own_file.read(path)
        if hashlib.sha256(content[DIGEST:]).digest() == content[:DIGEST]:
            return dict(marshal.loads(content[DIGEST:]))  # noqa: S302 - ours, as the lines above say
    return {}


def _keep() -> None:
    """Beside what another start has kept meanwhile. Where that is not possible, the next start takes as long as this one."""
    path = _path()
    with contextlib.suppress(OSError, ValueError):
        if not (_new and _is_ours(path.parent)):
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        all_of_it = _read(path) | _new
        body = marshal.dumps(all_of_it if len(all_of_it) <= MOST_TEXTS else _new)
        own_file.write(path, hashlib.sha256(body).digest() + body)


def _is_ours(folder: Path) -> bool:
    """Whether this user made what is there of it: root at work in somebody's home leaves nothing there."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    return folder.is_absolute() and there.stat().st_uid == os.geteuid()
