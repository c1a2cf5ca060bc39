"""Single values of JSON and YAML files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from windlass.errors import InventoryError
from windlass.operations.operation import Operation, check_place
from windlass.values import Command, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class _DocumentValue(Operation):
    family: ClassVar[str] = "document"

    path: str
    keys: tuple[str | int, ...]
    value: object = None
    absent: bool = False
    create: bool = False
    validate: Command | None = None
    sensitive: bool = False

    def __post_init__(self) -> None:
        if not self.keys:
            raise InventoryError(
                f"no value of {self.path} is named", hint='give keys, such as ("server", "port"); a File has all of it'
            )

        check_place(self.path)
        if self.absent and isinstance(self.keys[-1], int):
            raise InventoryError(
                f"{self.title()}: what is removed by its place is another one on each run",
                hint="give the whole list as it should be",
            )

    def title(self) -> str:
        return f"{'no ' if self.absent else ''}{'.'.join(map(str, self.keys))} in {self.path}"

    def arguments(self) -> Mapping[str, object]:
        """The fields, but the value as JSON; a secret travels by itself, too, so that it is masked however it is written."""
        secret = self.value if isinstance(self.value, Secret) else None
        try:
            text = json.dumps(secret.reveal() if secret else self.value)
        except TypeError as error:
            raise InventoryError(f"{'.'.join(map(str, self.keys))} of {self.path}: {error}", hint="give what JSON knows") from error
        return dict(Operation.arguments(self)) | {"value": Secret(text) if secret else text, "secrets": (secret,) if secret else ()}


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonValue(_DocumentValue):
    """One value in a JSON file. Every other byte stays: indentation, order of keys, forms of numbers; owner and mode, too.

    keys       the way to the value: names in objects, numbers in lists; what is missing on the way is made, and the number
               behind the last element appends one
    value      anything that JSON knows, or a secret text
    absent     nothing should be there
    create     make the file if it is missing (root's, 0644); otherwise a missing file is an error
    validate   a command that must succeed before the file is installed; `%s` in it stands for the temporary file
    sensitive  never show the value in a diff (implied by a secret)
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlValue(_DocumentValue):
    """One value in a YAML file, as in `JsonValue`. Comments, order and the form of everything else stay.

    The controller makes the new text and reads it back: if that does not give exactly the wanted values (aliases, several
    documents, a list of mappings in an odd form), it is an error and nothing changes.
    """
