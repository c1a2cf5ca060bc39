"""Changing files so that at every moment either the old or the new one is there, whole."""

from __future__ import annotations

import errno
import os
import stat
import threading
from typing import BinaryIO, Callable, Iterable, Iterator, Optional, Tuple

from windlass.agent.core import attributes, ownership
from windlass.agent.core.frames import REMEMBERED_FROM, Bytes
from windlass.agent.core.outcome import OperationError

MOMENT = 60 * 10**6  # nanoseconds: more than any clock takes to tick (`sums.TICK`)
MUCH = 16 * 1024 * 1024  # bytes that may wait for the disk
AGAIN = "run the same again; if it stays so, delete .windlass/checksums of your project"
LONGEST_STEM = 60  # characters of a file's name in that of the temporary one: a name has at most 255 bytes


class OtherContent(OperationError):  # noqa: N818 - reads as what happened
    """What was put together of what is here and what came is not what was meant: two blocks may have looked alike."""


class Arriving(Iterable[Bytes]):
    """Chunks on their way from somewhere else, which may break off."""

    def begins(self, temporary: str) -> None:
        """They are about to be written there."""
        raise NotImplementedError

    def ends(self) -> None:
        """Nothing is written any more, whatever came of it."""
        raise NotImplementedError

    def keeps(self, temporary: str) -> bool:
        """Whether an unfinished file is kept for later; it has been moved away then."""
        raise NotImplementedError


class _AtHand(Arriving):
    """Chunks that are here already: whoever is killed while they are written leaves what a later agent removes (`leftovers`)."""

    def __init__(self, chunks: Iterable[Bytes]) -> None:
        self._chunks = chunks
        self._note = ""

    def __iter__(self) -> Iterator[Bytes]:
        return iter(self._chunks)

    def begins(self, temporary: str) -> None:
        from windlass.agent.core import leftovers  # noqa: PLC0415 - what need not be changed needs none

        self._note = leftovers.begin(temporary)

    def ends(self) -> None:
        from windlass.agent.core import leftovers  # noqa: PLC0415 - as above

        leftovers.end(self._note)

    def keeps(self, _temporary: str) -> bool:
        return False


def sync_folder(path: str) -> None:
    """Make a rename in this folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write(
    path: str,
    chunks: Iterable[Bytes],
    mode: int,
    owner: str = "",
    group: str = "",
    validate: Optional[Callable[[str], None]] = None,
) -> os.stat_result:
    """Write a file under a temporary name in the same folder, then fsync, chown, chmod, validate, and rename it into place.

    An empty owner or group is that of the file that is replaced, if there is one; its access control list and attributes stay.
    Gives the status of the new file just before it got its name.
    `validate` gets the temporary path and raises if the new content must not be installed; the old file then stays.
    """
    import tempfile  # noqa: PLC0415 - what need not be changed needs none

    folder = os.path.dirname(path) or "/"
    ids = ownership.kept_ids(path, ownership.owner_ids(owner, group))
    descriptor, temporary = tempfile.mkstemp(prefix=".%s." % os.path.basename(path)[:LONGEST_STEM], dir=folder)
    arriving = chunks if isinstance(chunks, Arriving) else _AtHand(chunks)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            arriving.begins(temporary)
            _write_out(handle, arriving, temporary)
            installed = _dressed(handle.fileno(), path, mode, ids)
        if validate:
            validate(temporary)
        os.rename(temporary, path)
    except BaseException:
        if not arriving.keeps(temporary):
            os.unlink(temporary)
        raise
    finally:
        arriving.ends()
    sync_folder(folder)
    return installed


def _dressed(descriptor: int, path: str, mode: int, ids: Tuple[int, int]) -> os.stat_result:
    """Owner, attributes and mode for a file that is written, and all of it on the disk."""
    os.fchown(descriptor, *ids)
    attributes.carry_over(path, descriptor, mode)
    os.fchmod(descriptor, mode)
    os.fsync(descriptor)
    return _set_back(descriptor)


def _set_back(descriptor: int) -> os.stat_result:
    """Let a large file look a moment older than it is, and say how it looks: every change from now on then shows in its time, and
    its checksum can be remembered at once. Otherwise all of it would be read once more by the next run."""
    status = os.fstat(descriptor)
    if status.st_size < REMEMBERED_FROM or os.geteuid():
        return status
    os.utime(descriptor, ns=(status.st_atime_ns, status.st_mtime_ns - MOMENT))
    return os.fstat(descriptor)


def _write_out(handle: BinaryIO, chunks: Iterable[Bytes], path: str) -> None:
    """Write all of it. Of much, the disk gets the first bytes while the last ones are still on their way."""
    waiting, ahead = 0, threading.Thread()
    for chunk in chunks:
        handle.write(chunk)
        waiting += len(chunk)
        if waiting > MUCH and not ahead.is_alive():
            handle.flush()
            waiting, ahead = 0, threading.Thread(target=_sync_ahead, args=(path,), daemon=True)
            ahead.start()
    handle.flush()


def _sync_ahead(path: str) -> None:
    """Over an opening of its own: what goes wrong is told again to the fsync at the end, which counts."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fdatasync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def replace_link(path: str, target: str) -> None:
    """Point a symbolic link somewhere else in one rename(2); readers see the old or the new target, never none."""
    # The dot hides it from programs that read all that is in a folder, such as nginx in sites-enabled.
    temporary = os.path.join(os.path.dirname(path), ".%s.%d.new" % (os.path.basename(path), os.getpid()))
    try:
        os.unlink(temporary)
    except FileNotFoundError:
        pass
    os.symlink(target, temporary)
    try:
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def read_or_none(path: str) -> Optional[bytes]:
    """The content of a regular file, None where there is none. Raises OperationError if something else stands there."""
    try:
        with open(path, "rb", opener=_at_once) as handle:
            if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
                raise no_file(path, "a device or a pipe")
            return handle.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError:
        raise no_file(path, "a directory") from None
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        raise no_file(path, "a socket") from None


def _at_once(path: str, flags: int) -> int:
    """Without waiting for somebody to write into a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def no_file(path: str, what: str) -> OperationError:
    return OperationError("%s is %s, not a file" % (path, what), hint="move it away if it is not needed")


def need_file_or_nothing(path: str) -> None:
    """Insist that a file can take this name. Raises OperationError."""
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise no_file(path, "a directory" if stat.S_ISDIR(mode) else "a device, a socket or a pipe")
