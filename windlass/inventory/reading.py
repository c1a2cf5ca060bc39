"""Puts the files of an environment's folder together as if they were one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from windlass.errors import UsageError
from windlass.inventory.faults import Faults, did_you_mean, shown
from windlass.inventory.located import KeyPath, Place, Tree, read

ENCRYPTED = "secrets.sops.yml"  # values of secrets: windlass/inventory/committed_secrets.py reads them
# How deep two files may both speak about the same thing: one host stands in one file, a role's settings may be spread.
SECTIONS = {"environment": 1, "hosts": 1, "groups": 1, "variables": 2, "applications": 1, "backups": 1, "stores": 1, "secrets": 1}


def read_folder(folder: Path, project: Path, faults: Faults) -> tuple[Tree, bool]:
    """All that the folder's `*.yml` files say, and whether all of it could be read: a section that is misspelt, for one, is not.

    Raises UsageError when there is no such folder, or none that may be looked into.
    """
    if not folder.is_dir():
        raise _no_folder(folder, project)
    whole = Tree(places={(): Place(called(folder, project), 1)})
    complete = True
    for path in _paths(folder, project):
        if path.suffix == ".yaml":
            faults.add(Place(called(path, project), 1), (), f"is not read: rename it to {path.stem}.yml")
        if path.suffix != ".yml" or path.name.startswith(".") or path.name == ENCRYPTED:
            continue
        tree, notes = read(path, called(path, project))
        for note in notes:
            faults.add(note.place, note.path, note.text)
        understood = _Merge(whole, tree, faults).run()
        complete = complete and not notes and understood
    if complete and not whole.data.get("hosts"):
        faults.add(whole.place(()), (), "has no hosts: write hosts.yml with `hosts:`, a name, and its `address:`")
    return whole, complete


def _paths(folder: Path, project: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise UsageError(f"{called(folder, project)} cannot be read: {error.strerror}", hint="see whose it is: ls -ld") from None


def called(path: Path, project: Path) -> str:
    """A path as a person in the project's folder writes it."""
    try:
        return str(path.resolve().relative_to(project.resolve()))
    except ValueError:
        return str(path)


def _no_folder(folder: Path, project: Path) -> UsageError:
    around = folder.parent
    names = sorted(path.name for path in around.iterdir() if path.is_dir()) if around.is_dir() else []
    known = ", ".join(names) or f"none: {called(around, project)} is empty"
    hint = (
        f"environments: {known}"
        if around.is_dir()
        else "run this inside a folder with inventories/<name>/hosts.yml; invoke init --host USER@ADDRESS writes a first one"
    )
    return UsageError(f"there is no environment {folder.name!r}{did_you_mean(folder.name, names)}", hint=hint)


class _Merge:
    """One file's tree into the whole."""

    def __init__(self, whole: Tree, part: Tree, faults: Faults) -> None:
        self.whole = whole
        self.part = part
        self.faults = faults

    def run(self) -> bool:
        """Whether every section is known, and a mapping."""
        for section, value in self.part.data.items():
            if section not in SECTIONS:
                self._fault((section,), f"unknown key{did_you_mean(section, SECTIONS)}; known: {', '.join(SECTIONS)}")
            elif value is not None and not isinstance(value, dict):
                self._fault((section,), f"should be a mapping (key: value), not {shown(value)}")
            elif value is not None:
                self._merge(self.whole.data.setdefault(section, {}), value, (section,), SECTIONS[section])
        for path, place in self.part.places.items():
            self.whole.places.setdefault(path, place)
        return all(section in SECTIONS and isinstance(value, dict | None) for section, value in self.part.data.items())

    def _merge(self, target: dict[str, Any], source: dict[str, Any], path: KeyPath, depth: int) -> None:
        for key, value in source.items():
            inner = (*path, key)
            if key not in target:
                target[key] = value
            elif depth > 1 and isinstance(value, dict) and isinstance(target[key], dict):
                self._merge(target[key], value, inner, depth - 1)
            else:
                self._fault(inner, f"is given twice (also in {self.whole.place(inner)}): keep one")

    def _fault(self, path: KeyPath, text: str) -> None:
        self.faults.add(self.part.place(path), path, text)
