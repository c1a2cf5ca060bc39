"""What an archive became on disk, as a note beside it: so that a look can tell what has been deleted or changed since."""

from __future__ import annotations

import json
import os
import stat
from typing import Any, Dict, List, Optional

from windlass.agent.core.outcome import OperationError


class Note:
    """The archive's checksum, how it was unpacked, and each file's mode, size and time of change, each link's target.

    Notes of before these were kept have the checksum alone; they are taken to be of an archive that was unpacked whole.
    """

    def __init__(self, sha256: str, how: Optional[List[Any]], entries: Dict[str, Any]) -> None:
        self.sha256 = sha256
        self.how = how
        self.entries = entries

    def is_of(self, sha256: str, how: List[Any]) -> bool:
        whole = how[1:] == ["", ""]
        return self.sha256 == sha256 and (whole if self.how is None else self.how == how)

    def text(self) -> bytes:
        return ("%s\n%s\n" % (self.sha256, json.dumps([self.how, self.entries], separators=(",", ":")))).encode()

    def differing(self, root: str) -> List[str]:
        """What is not as it was unpacked, folders before what is in them. What else is there is not looked at."""
        return [name for name, entry in sorted(self.entries.items()) if _differs(os.path.join(root, name), entry)]


def parsed(text: Optional[bytes]) -> Optional[Note]:
    """A note that was read; None for none, and for what is none."""
    if text is None:
        return None
    sha256, _, rest = text.decode("ascii", "replace").partition("\n")
    try:
        how, entries = json.loads(rest) if rest.strip() else (None, {})
    except ValueError:
        return None
    return Note(sha256.strip(), how, entries)


def entries_of(root: str) -> Dict[str, Any]:
    """All that is below a directory."""
    found: Dict[str, Any] = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, root)] = _entry(path)
    return found


def _entry(path: str) -> Any:
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(path)
    if stat.S_ISDIR(status.st_mode):
        return None
    return [stat.S_IMODE(status.st_mode), status.st_size, status.st_mtime_ns]


def _differs(path: str, entry: Any) -> bool:
    """A folder may well be a link to one by now: somebody needed room."""
    try:
        if entry is None:
            if os.path.lexists(path) and not os.path.isdir(path):
                raise _in_the_way(path, "a folder")
            return not os.path.isdir(path)
        if os.path.isdir(path) and not os.path.islink(path):
            raise _in_the_way(path, "a file or a link")
        return bool(_entry(path) != entry)
    except (FileNotFoundError, NotADirectoryError):
        return True


def _in_the_way(path: str, what: str) -> OperationError:
    return OperationError(
        "%s is in the place of %s of the archive's" % (path, what), hint="move it away, or give compare=False if it is to be there"
    )


def put_back(tree: str, root: str, names: List[str]) -> None:
    """Move these from a freshly unpacked tree to their places, each by a rename. No link below the root is followed."""
    for name in names:
        source = os.path.join(tree, name)
        if os.path.lexists(source):  # else it came with its folder
            folder = _opened(root, os.path.dirname(name))
            try:
                os.rename(source, os.path.basename(name), dst_dir_fd=folder)
                os.fsync(folder)
            finally:
                os.close(folder)


def _opened(root: str, name: str) -> int:
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for part in name.split("/") if name else []:
        outer = descriptor
        try:
            descriptor = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=outer)
        except OSError as error:
            words = "%s of %s cannot be put back: %s is a link now" % (name, root, part)
            raise OperationError(words, hint="remove the link, or give compare=False") from error
        finally:
            os.close(outer)
    return descriptor
