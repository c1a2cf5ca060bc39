"""Working copies of Git repositories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class GitCheckout(Operation):
    """A working copy of a repository at a revision, with a detached HEAD. Local changes to tracked files are an error.

    repository     address as Git knows it; a password does not belong into it
    path           the working copy; a first clone gets this name only when it is complete
    revision       a branch, a tag or a whole commit id; a branch is followed on each run
    user           as whom Git works; the working copy is that user's. Empty is root
    ssh_key        path on the host of the private key to use
    force          throw away local changes to tracked files
    limit_seconds  how long one call of Git may take
    """

    family: ClassVar[str] = "git"

    repository: str
    path: str
    revision: str = "HEAD"
    user: str = ""
    ssh_key: str = ""
    force: bool = False
    limit_seconds: float = 600.0

    def __post_init__(self) -> None:
        if self.revision.startswith("-") or self.repository.startswith("-"):
            raise InventoryError(f"{self.title()}: a repository or revision cannot begin with a dash")

    def arguments(self) -> Mapping[str, object]:
        return {**Operation.arguments(self), "path": self.path.rstrip("/")}

    def title(self) -> str:
        return f"Git checkout {self.path} at {self.revision}"
