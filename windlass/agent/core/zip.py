"""ZIP archives, seen as if they were tar archives, so that the same care is taken of what is in them."""

from __future__ import annotations

import calendar
import stat
import tarfile
import zipfile
import zlib
from typing import IO, Any, Iterator

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
LONGEST_LINK = 4096


class ZipArchive:
    """Members in the archive's order, and their content; what is damaged raises `tarfile.ReadError`."""

    def __init__(self, source: str) -> None:
        try:
            self._archive = zipfile.ZipFile(source)
        except zipfile.BadZipFile as error:
            raise tarfile.ReadError(str(error)) from error

    def __enter__(self) -> "ZipArchive":
        return self

    def __exit__(self, *_raised: Any) -> None:
        self._archive.close()

    def __iter__(self) -> Iterator[tarfile.TarInfo]:
        for index, info in enumerate(self._archive.infolist()):
            yield self._member(index, info)

    def extractfile(self, member: tarfile.TarInfo) -> "IO[bytes]":
        return _Checked(self._archive, self._archive.infolist()[member.offset])  # type: ignore[return-value]

    def _member(self, index: int, info: zipfile.ZipInfo) -> tarfile.TarInfo:
        member = tarfile.TarInfo(info.filename)
        bits = info.external_attr >> 16  # none where the archive comes from a system without them
        member.offset, member.size = index, info.file_size
        member.mode = stat.S_IMODE(bits) or (0o755 if info.is_dir() else 0o644)
        member.mtime = _time(info)
        member.type = tarfile.DIRTYPE if info.is_dir() else tarfile.REGTYPE
        if stat.S_ISLNK(bits):
            member.type = tarfile.SYMTYPE
            member.linkname = _Checked(self._archive, info).read(LONGEST_LINK).decode("utf-8", "surrogateescape")
        elif stat.S_IFMT(bits) not in (0, stat.S_IFREG, stat.S_IFDIR):
            member.type = tarfile.CHRTYPE
        return member


def _time(info: zipfile.ZipInfo) -> int:
    """Some programs write none: the zeroth month is not in any calendar."""
    try:
        return calendar.timegm(info.date_time + (0, 0, 0))
    except ValueError:
        return 0


class _Checked:
    """A member's content; its checksum is compared at its end."""

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        try:
            self._handle = archive.open(info)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:  # encrypted, or compressed in an unknown way
            raise tarfile.ReadError(str(error)) from error

    def read(self, size: int) -> bytes:
        try:
            return self._handle.read(size)
        except (zipfile.BadZipFile, zlib.error) as error:
            raise tarfile.ReadError(str(error)) from error

    def __enter__(self) -> "_Checked":
        return self

    def __exit__(self, *_raised: Any) -> None:
        self._handle.close()
