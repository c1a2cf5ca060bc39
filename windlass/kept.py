"""What a start had to work out and the next one need not.

It lies in the user's cache folder, as Python's own compiled modules lie beside theirs, and under the same trust: a file that
somebody else could have written, or that is torn, counts for nothing, and that of another Python is another file. Each task has
files of its own, for they are read as a whole, and a start needs what the last one of its kind did.
"""

from __future__ import annotations

import atexit
import contextlib
import marshal
import os
import sys
import zlib
from pathlib import Path
from typing import Any, Final

from windlass import own_file

MOST: Final = 1500
CHECKSUM: Final = 4  # bytes in front of the file

_of_a_program = False
_task = ""


def start(task: str = "") -> None:
    """This process is the program's, and no one that uses parts of it: it reads what is kept, and keeps what is new."""
    global _of_a_program, _task
    _of_a_program, _task = True, task if task.replace(".", "").isidentifier() else ""


class Kept:
    """Values by keys, of one kind: all of what `marshal` can write. What is new is kept when the program ends."""

    def __init__(self, kind: str) -> None:
        self.new: dict[Any, Any] = {}
        self._kind = kind
        self._known: dict[Any, Any] | None = None

    def get(self, key: Any) -> Any:
        """None if nothing is known of it."""
        return self._all().get(key)

    def put(self, key: Any, value: Any) -> None:
        """What `get` gives from now on."""
        self._all()[key] = self.new[key] = value

    def _all(self) -> dict[Any, Any]:
        if self._known is None:
            self._known = {}
            if _of_a_program:
                self._known = self._read(self._path())
                atexit.register(self._keep)
        return self._known

    def _path(self) -> Path:
        named = os.environ.get("XDG_CACHE_HOME", "")
        cache = named if os.path.isabs(named) else os.path.expanduser("~/.cache")  # noqa: PTH111, PTH117 - who has no home gets it back
        name = f"{sys.implementation.cache_tag}-{sys.hexversion:x}-{sys.flags.optimize}{_task and '-'}{_task}"
        return Path(cache) / "windlass" / f"{self._kind}-{name}"

    def _read(self, path: Path) -> dict[Any, Any]:
        with contextlib.suppress(OSError, ValueError, EOFError, TypeError):
            content = own_file.read(path)
            values = memoryview(content)[CHECKSUM:]
            if zlib.crc32(values) == int.from_bytes(content[:CHECKSUM], "big"):
                return dict(marshal.loads(values))  # noqa: S302 - ours, as the lines above say
        return {}

    def _keep(self) -> None:
        """Beside what another start has kept meanwhile. Where that is not possible, the next start takes as long as this one."""
        path = self._path()
        with contextlib.suppress(OSError, ValueError):
            if not (self.new and _is_ours(path.parent)):
                return
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            all_of_it = self._read(path) | self.new
            body = marshal.dumps(all_of_it if len(all_of_it) <= MOST else self.new)
            own_file.write(path, zlib.crc32(body).to_bytes(CHECKSUM, "big") + body)


def _is_ours(folder: Path) -> bool:
    """Whether this user made what is there of it: root at work in somebody's home leaves nothing there."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    return folder.is_absolute() and there.stat().st_uid == os.geteuid()
