"""Files with a given content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from windlass.operations.operation import LocalFile, Operation, check_place
from windlass.values import Command, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class File(Operation):
    """A regular file with this content, owner and mode; written whole, then renamed into place.

    content    text, a secret text, or a local file; None leaves the content alone (an empty file where there is none)
    owner      and group: by name or number; empty leaves them as they are
    mode       permission bits as octal text, "0644"; empty leaves them as they are
    validate   a command that must succeed before the file is installed; `%s` in it stands for the temporary file
    sensitive  never show the content in a diff (implied by a secret content)
    once       the content is for a new file; one that is there keeps its own, and gets owner and mode alone
    absent     the file should not be there
    """

    family: ClassVar[str] = "file"

    path: str
    content: str | Secret | LocalFile | None = None
    owner: str = "root"
    group: str = "root"
    mode: str = "0644"
    validate: Command | None = None
    sensitive: bool = False
    once: bool = False
    absent: bool = False

    def __post_init__(self) -> None:
        check_place(self.path, self.mode)

    def title(self) -> str:
        return f"file {self.path}"
