"""Archives unpacked into directories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from windlass.operations.local_tree import regular_expression
from windlass.operations.operation import LocalFile, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive(Operation):
    """A directory that holds what an archive holds: zip, or tar (plain, gzip, bzip2, xz, or zstd, which needs that program
    on the host).

    It is unpacked beside its place and renamed, so the directory is there whole or not at all. The archive's checksum is
    kept in `marker`, and with it what was unpacked: as long as both agree nothing is fetched. A file that was deleted or
    changed since (content, mode, a link's target) is put back, and only that; what others put there stays. Only what somebody
    touched is read, which the kernel tells by a time that no program can set (ctime).
    Members that would leave the directory, devices and setuid bits are refused or dropped.

    content       a local file, or the path of an archive on the host
    path          the directory
    strip         how many leading folders to take off the members' names (1 for most releases of programs)
    include       only files that match one of these patterns, which are those of `LocalTree` and see names without `strip`
    exclude       not what matches one of these, nor what is below
    compare       False: only the archive's checksum counts, for a directory in which others change files
    owner, group  of everything
    replace       a directory that holds another archive, or none of ours, is replaced; otherwise it is an error
    marker        name of the file in the directory that holds the checksum
    """

    family: ClassVar[str] = "archive"

    content: LocalFile | str
    path: str
    strip: int = 0
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    compare: bool = True
    owner: str = "root"
    group: str = "root"
    replace: bool = False
    marker: str = ".archive-sha256"

    def title(self) -> str:
        source = self.content.path.name if isinstance(self.content, LocalFile) else self.content
        return f"archive {source} in {self.path}"

    def arguments(self) -> Mapping[str, object]:
        content = self.content
        if isinstance(content, LocalFile) and "-" in content.checksum:  # the marker on hosts holds that of the whole
            content = LocalFile.whole(content.path)
        patterns = {"include": self.include, "exclude": self.exclude}
        return {
            **Operation.arguments(self),
            "content": content,
            "path": self.path.rstrip("/"),
            **{name: regular_expression(given) if given else "" for name, given in patterns.items()},
        }
