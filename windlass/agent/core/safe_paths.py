"""Folders that somebody else may own: held open, so that a link which its owner lays in the way meanwhile leads nowhere."""

from __future__ import annotations

import os
import stat
from typing import Optional, Tuple

from windlass.agent.core import ownership
from windlass.agent.core.outcome import OperationError


class Below:
    """Places below a folder, by names that lead through no link below it. It has to be closed."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._name: Optional[str] = None  # of the folder that was opened last: what lies side by side is asked for in a row
        self._opened = -1

    def at(self, name: str) -> str:
        """Another path of what has this name below the root, which holds until the next one is asked for."""
        folder, _, last = name.rpartition("/")
        if folder != self._name:
            self.close()
            self._opened, self._name = opened(self._root, folder), folder
        return os.path.join(ownership.HELD % self._opened, last)

    def close(self) -> None:
        if self._name is not None:
            os.close(self._opened)
        self._name = None


def opened(root: str, name: str) -> int:
    """A folder below another. Raises OperationError where a link is on the way."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for part in name.split("/") if name else []:
        outer = descriptor
        try:
            descriptor = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=outer)
        except NotADirectoryError as error:
            words = "nothing is written to %s of %s: %s is a link now" % (name, root, part)
            raise OperationError(words, hint="remove the link") from error
        finally:
            os.close(outer)
    return descriptor


def dress(path: str, ids: Tuple[int, int], mode: int) -> None:
    """Give owner and mode to this very file or folder; a link gets its owner alone."""
    descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW)
    try:
        if stat.S_ISLNK(os.fstat(descriptor).st_mode):
            os.chown(path, *ids, follow_symlinks=False)
        else:
            os.chown(ownership.HELD % descriptor, *ids)
            ownership.set_mode(descriptor, mode)
    finally:
        os.close(descriptor)
