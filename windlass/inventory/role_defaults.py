"""The defaults of roles as one layer of settings, each role's file read when somebody first asks for that role.

An environment has few of all roles, and reading all their files would be a good part of the start of every command.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from windlass.inventory.faults import Faults
from windlass.inventory.located import Tree, read
from windlass.inventory.reading import called
from windlass.inventory.variables import Layer, RoleSchema


class RoleDefaults(Mapping[str, Any]):
    """Settings by role. What is wrong with a file goes to `faults`; once these were told, it raises InventoryError."""

    def __init__(self, roles: Mapping[str, RoleSchema], project: Path, faults: Faults) -> None:
        self.tree = Tree()
        self._roles = roles
        self._project = project
        self._faults: Faults | None = faults

    def __getitem__(self, role: str) -> Any:
        if role not in self.tree.data:
            self._read(self._roles[role])
        return self.tree.data[role]

    def __iter__(self) -> Iterator[str]:
        return iter(self._roles)

    def __len__(self) -> int:
        return len(self._roles)

    def layer(self) -> Layer:
        """What hosts' settings begin with."""
        return Layer("role defaults", self, self.tree, ())

    def layer_so_far(self) -> Layer:
        """Only those that were asked for."""
        return Layer("role defaults", dict(self.tree.data), self.tree, ())

    def told(self) -> None:
        """All faults until now were told."""
        self._faults = None

    def _read(self, role: RoleSchema) -> None:
        name = called(role.defaults, self._project)
        tree, notes = read(role.defaults, name)
        self.tree.data[role.name] = tree.data
        self.tree.places.update({(role.name, *path): place for path, place in tree.places.items()})
        faults = self._faults or Faults()
        for note in notes:
            faults.add(note.place, (role.name, *note.path), note.text)
        if faults is not self._faults:
            faults.raise_any(name)
