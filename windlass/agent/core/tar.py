"""Unpacking archives that nobody vouches for: nothing leaves the directory, nothing gets special rights."""

from __future__ import annotations

import contextlib
import os
import posixpath
import shutil
import subprocess
import tarfile
import zlib
from typing import Iterator, NamedTuple, Optional, Pattern, Tuple, Union

from windlass.agent.core import process, trouble
from windlass.agent.core.outcome import OperationError
from windlass.agent.core.zip import MAGIC as ZIP_MAGIC
from windlass.agent.core.zip import ZipArchive

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
Ids = Tuple[int, int]
Archive = Union[tarfile.TarFile, ZipArchive]


class Selection(NamedTuple):
    """What of an archive is wanted: members without their first `strip` folders, by patterns that are searched in what is left.

    `empty`: for a check, the content of files is read and not kept.
    """

    strip: int = 0
    include: Optional[Pattern[str]] = None
    exclude: Optional[Pattern[str]] = None
    empty: bool = False

    def takes(self, name: str, is_folder: bool) -> bool:
        """Of folders only those that nothing is included by name come for themselves; others come with what is in them."""
        if not name or (self.exclude and self.exclude.search(name)):
            return False
        return not self.include or (not is_folder and bool(self.include.search(name)))


def unpack(source: str, root: str, wanted: Selection, ids: Ids) -> None:
    """Unpack an archive into an empty directory, its members given to this user and group (-1: whoever runs).

    Leading folders are stripped; members without a name left are skipped. Raises OperationError for a damaged archive, for
    members that would leave the directory or are devices, and if nothing is left of it; the directory is then of no use.
    """
    root = os.path.realpath(root)
    try:
        with _opened(source) as archive:
            _unpack_members(archive, root, wanted, ids)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            message, hint = trouble.explained(error)
            raise OperationError("unpacking failed: %s" % (message if hint else error), hint=hint) from error
        raise OperationError(
            "the archive is damaged or of an unknown kind: %s" % error, hint="tar, plain or compressed, and zip are known"
        ) from error
    _check_links(root)


def _unpack_members(archive: Archive, root: str, wanted: Selection, ids: Ids) -> None:
    left_out = False
    for member in archive:
        name = _stripped(member.name, wanted.strip)
        if wanted.takes(name, member.isdir()):
            _place(archive, member, (root, name), wanted, ids)
        else:
            left_out = left_out or bool(_stripped(member.name, 0))
    if left_out and not os.listdir(root):
        raise OperationError(
            "nothing of the archive is left to unpack", hint="look at strip, include and exclude: tar -tf shows names"
        )


@contextlib.contextmanager
def _opened(source: str) -> Iterator[Archive]:
    with open(source, "rb") as handle:
        magic = handle.read(4)
    if magic in ZIP_MAGIC:
        with ZipArchive(source) as members:
            yield members
        return
    if magic != ZSTD_MAGIC:
        with tarfile.open(source, "r:*") as archive:
            yield archive
        return
    program = process.start(["zstd", "--decompress", "--stdout", "--quiet", "--", source])
    assert program.stdout  # noqa: S101 - Popen's type does not know that it was given pipes
    assert program.stderr  # noqa: S101
    try:
        with tarfile.open(fileobj=program.stdout, mode="r|") as archive:
            yield archive
        shutil.copyfileobj(program.stdout, _Nowhere())  # what follows the end mark, so that zstd can check its sum
        if program.wait(60) != 0:
            raise tarfile.ReadError(program.stderr.read().decode("utf-8", "replace").strip())
    except subprocess.TimeoutExpired:
        raise tarfile.ReadError("zstd does not end") from None
    finally:
        if program.poll() is None:
            process.end(program)
        program.stdout.close()
        program.stderr.close()


class _Nowhere:
    """A place to write what nobody wants."""

    def write(self, data: bytes) -> int:
        return len(data)


def _stripped(name: str, strip: int) -> str:
    """The member's path below the directory, without its leading folders. Raises OperationError if it would leave."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts:
        raise _leaves(name)
    return "/".join(parts[strip:])


def _leaves(name: str) -> OperationError:
    return OperationError("the archive's member %s would leave the directory" % name, hint="the archive is not to be trusted")


def _place(archive: Archive, member: tarfile.TarInfo, where: Tuple[str, str], wanted: Selection, ids: Ids) -> None:
    root, name = where
    path = os.path.join(root, name)
    _make_parents(os.path.dirname(path), root, member.name, ids)
    mode = member.mode & 0o777
    if member.isdir():
        if not os.path.isdir(path) or os.path.islink(path):
            _clear(path)
            os.mkdir(path)
        os.chmod(path, mode | 0o700)
    elif member.issym():
        _clear(path)
        _symlink(member, path, root)
    elif member.islnk():
        _clear(path)
        _hard_link(member, path, root, wanted.strip)
    elif member.isreg():
        _clear(path)
        _write(archive, member, path, mode, wanted.empty)
    else:
        raise OperationError("the archive's member %s is a device or a pipe" % member.name, hint="the archive is not to be trusted")
    os.chown(path, *ids, follow_symlinks=False)


def _make_parents(folder: str, root: str, name: str, ids: Ids) -> None:
    """Folders that the archive does not list itself; and no link among them may lead out."""
    real = os.path.realpath(folder)
    if not _inside(real, root):
        raise _leaves(name)
    missing = []
    while not os.path.isdir(real):
        missing.append(real)
        real = os.path.dirname(real)
    for each in reversed(missing):
        os.mkdir(each, 0o755)
        os.chown(each, *ids)


def _inside(real: str, root: str) -> bool:
    return real == root or real.startswith(root + "/")


def _clear(path: str) -> None:
    """A later member replaces an earlier one of the same name."""
    if os.path.islink(path) or os.path.isfile(path):
        os.unlink(path)


def _symlink(member: tarfile.TarInfo, path: str, root: str) -> None:
    if member.linkname.startswith("/") or not _inside(os.path.realpath(os.path.join(os.path.dirname(path), member.linkname)), root):
        raise _leaves("%s, a link to %s," % (member.name, member.linkname))
    os.symlink(member.linkname, path)


def _hard_link(member: tarfile.TarInfo, path: str, root: str, strip: int) -> None:
    target = os.path.join(root, _stripped(posixpath.normpath(member.linkname), strip))
    if not _inside(os.path.realpath(os.path.dirname(target)), root):
        raise _leaves(member.name)
    if not os.path.lexists(target):
        raise OperationError("the archive's member %s is a hard link to %s, which is not unpacked" % (member.name, member.linkname))
    os.link(target, path, follow_symlinks=False)


def _write(archive: Archive, member: tarfile.TarInfo, path: str, mode: int, empty: bool) -> None:
    content = archive.extractfile(member)
    assert content  # noqa: S101 - a regular member has content
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with content, os.fdopen(descriptor, "wb") as handle:
        shutil.copyfileobj(content, _Nowhere() if empty else handle, 1 << 18)
        os.fchmod(handle.fileno(), mode)
    os.utime(path, (member.mtime, member.mtime))


def _check_links(root: str) -> None:
    """Once more at the end: a link that was harmless may have become a way out through a later member."""
    for folder, folders, files in os.walk(root):
        for entry in (os.path.join(folder, each) for each in folders + files):
            if os.path.islink(entry) and not _inside(os.path.realpath(entry), root):
                raise _leaves(os.path.relpath(entry, root))
