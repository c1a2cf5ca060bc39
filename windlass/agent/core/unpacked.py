"""What an archive became on disk, as a note beside it: so that a look can tell what has been deleted or changed since."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from typing import Any, Dict, List, Optional, Tuple

from windlass.agent.core import safe_paths
from windlass.agent.core.outcome import OperationError

MISSING = object()


class Note:
    """The archive's checksum, how it was unpacked, each link's target, and each file's mode, size, checksum and inode time.

    Whatever is done to a file, the kernel sets its inode's time (ctime), which no program can set back, as any can the time of
    change. So a file whose inode time is as noted need not be read; one that was only touched (another owner, another name, a
    backup that was played back) costs a comparison of checksums, and no change.

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

    def compared(self, root: str) -> Tuple[List[str], "Note"]:
        """What is not as it was unpacked, folders before what is in them, and the note with the inode times of what is.

        What else is there is not looked at.
        """
        wrong: List[str] = []
        entries = dict(self.entries)
        for name, entry in sorted(self.entries.items()):
            found = _found(os.path.join(root, name), entry)
            if found is MISSING:
                wrong.append(name)
            else:
                entries[name] = found
        return wrong, Note(self.sha256, self.how, entries)


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
    return [*_look(status), _sha256(path)]


def _look(status: os.stat_result) -> List[int]:
    return [stat.S_IMODE(status.st_mode), status.st_size, status.st_ctime_ns]


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as handle:
        for chunk in iter(lambda: handle.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _found(path: str, entry: Any) -> Any:
    """The entry as it should be noted from now on; `MISSING` if what is there is not it.

    A folder may well be a link to one by now: somebody needed room.
    """
    try:
        if entry is None:
            if os.path.lexists(path) and not os.path.isdir(path):
                raise _in_the_way(path, "a folder")
            return None if os.path.isdir(path) else MISSING
        if os.path.isdir(path) and not os.path.islink(path):
            raise _in_the_way(path, "a file or a link")
        if isinstance(entry, str):
            return entry if os.path.islink(path) and os.readlink(path) == entry else MISSING
        return _found_file(path, entry)
    except (FileNotFoundError, NotADirectoryError):
        return MISSING


def _found_file(path: str, entry: List[Any]) -> Any:
    status = os.lstat(path)
    look = _look(status)
    if not stat.S_ISREG(status.st_mode) or look[:2] != entry[:2]:
        return MISSING
    if look == entry[:3] or _sha256(path) == entry[3]:
        return [*look, entry[3]]
    return MISSING


def _in_the_way(path: str, what: str) -> OperationError:
    return OperationError(
        "%s is in the place of %s of the archive's" % (path, what), hint="move it away, or give compare=False if it is to be there"
    )


def put_back(tree: str, root: str, names: List[str]) -> None:
    """Move these from a freshly unpacked tree to their places, each by a rename. No link below the root is followed."""
    for name in names:
        source = os.path.join(tree, name)
        if os.path.lexists(source):  # else it came with its folder
            folder = safe_paths.opened(root, os.path.dirname(name))
            try:
                os.rename(source, os.path.basename(name), dst_dir_fd=folder)
                os.fsync(folder)
            finally:
                os.close(folder)
