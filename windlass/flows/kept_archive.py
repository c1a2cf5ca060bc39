"""How what a run takes its values from lies on the disk, and how it becomes a folder again."""

from __future__ import annotations

import atexit
import gzip
import io
import os
import shutil
import stat
import tarfile
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from windlass import own_file
from windlass.errors import UsageError
from windlass.flows.kept_values import ENDING, Found

_FAST: Final = 1  # of gzip's levels


def packed(found: Iterable[Found]) -> bytes:
    """The archive of these files, compressed. Raises OSError."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for each in found:
            member = tarfile.TarInfo(each.name)
            member.mode = each.mode
            if each.is_folder:
                member.type = tarfile.DIRTYPE
            elif each.is_large:
                member.type, member.linkname = tarfile.SYMTYPE, str(Path(each.path).absolute())
                member.mtime = each.status.st_mtime  # the link's own is that of the file then
            content = Path(each.path).read_bytes() if member.isreg() else b""
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), _FAST)


def unfold(project: Path, name: str, run: str) -> Path:
    """A folder, for as long as this process lives, that looks like the project did then.

    Raises UsageError for an archive that is gone or damaged, and for a disk that takes no more.
    """
    folder = project / ".windlass" / "resume"
    try:
        content = gzip.decompress(own_file.read(folder / f"{name}{ENDING}"))
        place = Path(tempfile.mkdtemp(prefix=f"{run}.", dir=folder))
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                _unpack(archive, member, place)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        why = (
            "is gone" if isinstance(error, FileNotFoundError) else f"cannot be unpacked: {getattr(error, 'strerror', '') or error}"
        )
        raise UsageError(
            f"what run {run} took its values from {why} (.windlass/resume/{name}{ENDING})",
            hint="run setup anew, without --resume: what is done is left alone",
        ) from None
    return place


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    """With the bits that it had: they are part of what a tree on a host is compared by. The folder around it lets nobody in."""
    path = place / member.name
    path.parent.mkdir(parents=True, exist_ok=True)
    content = archive.extractfile(member) if member.isreg() else None
    if member.issym():
        path.symlink_to(member.linkname)
        os.utime(path, (member.mtime, member.mtime), follow_symlinks=False)
    elif content is None:
        path.mkdir(exist_ok=True)
        path.chmod(member.mode | stat.S_IRWXU)
    else:
        path.write_bytes(content.read())
        path.chmod(member.mode)
