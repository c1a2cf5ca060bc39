"""What all operations have in common, and the content of files."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of the controller's that is content of an operation; only its checksum travels unless the host lacks it."""

    path: Path
    sha256: str
    size: int

    @classmethod
    def of(cls, path: Path) -> LocalFile:
        """Describe a file that is there now, reading it once for its checksum."""
        with path.open("rb") as handle:
            return cls(path, hashlib.file_digest(handle, "sha256").hexdigest(), path.stat().st_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Something that should be true of a host, or be done on it.

    only_after   run only if one of these earlier operations of the batch changed something
    """

    family: ClassVar[str] = ""

    only_after: tuple[Operation, ...] = ()

    @classmethod
    def kind(cls) -> str:
        """`family.function`: the module and the function of the agent that do this operation."""
        return f"{cls.family}.{_snake(cls.__name__)}"

    def title(self) -> str:
        """What it is, in a few words, for the screen."""
        return self.kind()

    def arguments(self) -> Mapping[str, object]:
        """What the agent's function gets: the fields by name, without the conditions on earlier operations."""
        names = [field.name for field in dataclasses.fields(self)]
        return {name: getattr(self, name) for name in names if name != "only_after" and not name.endswith("_on")}

    def watched(self) -> Mapping[str, tuple[Operation, ...]]:
        """Earlier operations whose change this one must react to, in this run or, after a failure, in the next; by reaction.

        The agent's function finds the reactions that are due in its argument `notified`.
        """
        return {}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
