"""Role settings: four levels, one winner for each setting, and the answer to `where does this value come from`.

The levels, from what counts least to what counts most: the role's defaults, the environment's `variables:`, groups
(parents before children), the host. A value is replaced whole. Two groups of which neither holds the other must not
disagree about a setting of a host, unless a group inside both or the host itself decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from windlass.inventory.faults import Faults, Locate, describe, did_you_mean, shown
from windlass.inventory.located import KeyPath, Place, Tree
from windlass.inventory.membership import descendants
from windlass.inventory.schema import Group

CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class RoleSchema:
    """What an inventory may say about a role: the file with its defaults, and the frozen model of its settings."""

    name: str
    defaults: Path
    model: type[BaseModel]


@dataclass(frozen=True, slots=True)
class Layer:
    """What one place of the inventory says: settings by role, and where they stand."""

    level: str
    settings: Mapping[str, Any]
    tree: Tree
    path: KeyPath
    group: str = ""

    def has(self, role: str) -> bool:
        return isinstance(self.settings.get(role), dict)


@dataclass(frozen=True, slots=True)
class Origin:
    """A value that one level gives to a setting."""

    level: str
    value: Any
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Explained:
    """A setting of a host, the value that counts, where it stands, and the values that it overrides, the nearest first."""

    role: str
    setting: str
    value: Any
    file: str
    line: int
    level: str
    overridden: tuple[Origin, ...]


def layer_of(level: str, path: KeyPath, tree: Tree, group: str = "") -> Layer:
    """The layer whose settings stand at a path of a tree; nothing there gives an empty layer."""
    value: Any = tree.data
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return Layer(level, value if isinstance(value, dict) else {}, tree, path, group)


@dataclass(frozen=True, slots=True)
class Variables:
    """The settings of all hosts. Hosts to which the same layers speak share one settings value."""

    roles: Mapping[str, RoleSchema]
    groups: Mapping[str, Group]
    layers: Mapping[str, tuple[Layer, ...]]
    secrets: tuple[str, ...]
    _known: dict[tuple[str, tuple[int, ...]], BaseModel | None] = field(default_factory=dict)

    def settings(self, host: str, role: str, faults: Faults) -> BaseModel | None:
        """The settings of a role on a host; what is wrong with them goes to `faults`, and the answer is None."""
        layers = [layer for layer in self.layers[host] if layer.has(role)]
        key = (role, tuple(id(layer) for layer in layers))
        if key not in self._known:
            self._check_agreement(host, role, layers, faults)
            self._known[key] = self._validated(host, role, layers, faults)
        return self._known[key]

    def custom(self, host: str, faults: Faults) -> dict[str, Any]:
        """The free values of a host, for templates."""
        layers = [layer for layer in self.layers[host] if layer.has(CUSTOM)]
        self._check_agreement(host, CUSTOM, layers, faults)
        return {setting: layer.settings[CUSTOM][setting] for layer in layers for setting in layer.settings[CUSTOM]}

    def explain(self, host: str, roles: tuple[str, ...]) -> Iterator[Explained]:
        """Each setting of some roles of a host."""
        for role in roles:
            layers = [layer for layer in self.layers[host] if layer.has(role)]
            for setting in dict.fromkeys(setting for layer in layers for setting in layer.settings[role]):
                origins = [_origin(layer, role, setting) for layer in reversed(layers) if setting in layer.settings[role]]
                winner = origins[0]
                yield Explained(role, setting, winner.value, winner.file, winner.line, winner.level, tuple(origins[1:]))

    def _validated(self, host: str, role: str, layers: list[Layer], faults: Faults) -> BaseModel | None:
        model = self.roles[role].model
        winners = {setting: layer for layer in layers for setting in layer.settings[role] if setting in model.model_fields}
        values = {setting: layer.settings[role][setting] for setting, layer in winners.items()}

        def locate(inside: KeyPath) -> tuple[Place, KeyPath]:
            layer = winners.get(str(inside[0])) if inside else layers[-1] if layers else None
            if layer is None:
                path: KeyPath = ("hosts", host, "variables", role, *inside)
                return self.layers[host][-1].tree.place(path), path
            path = (*layer.path, role, *inside)
            return layer.tree.place(path), path

        self._check_secrets(values, locate, faults)
        try:
            return model.model_validate(values)
        except ValidationError as error:
            describe(error, model, values, locate, faults)
            return None

    def _check_secrets(self, values: Mapping[str, Any], locate: Locate, faults: Faults) -> None:
        for inside, name in references(values, ()):
            if name not in self.secrets:
                place, path = locate(inside)
                faults.add(place, path, undeclared(name, self.secrets))

    def _check_agreement(self, host: str, role: str, layers: list[Layer], faults: Faults) -> None:
        from_groups = [layer for layer in layers if layer.group]
        from_host = layers[-1].settings[role] if layers and not layers[-1].group else {}
        for setting in dict.fromkeys(setting for layer in from_groups for setting in layer.settings[role]):
            speaking = [layer for layer in from_groups if setting in layer.settings[role]]
            last = [layer for layer in speaking if not descendants(layer.group, self.groups) & {other.group for other in speaking}]
            first = last[0]
            for other in last[1:]:
                if setting not in from_host and other.settings[role][setting] != first.settings[role][setting]:
                    _disagreement(host, role, setting, (first, other), faults)


def references(value: object, inside: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """The secrets `{secret: name}` that raw settings refer to, with the path inside the settings."""
    if isinstance(value, Mapping):
        if set(value) == {"secret"} and isinstance(value["secret"], str):
            yield inside, value["secret"]
        for key, inner in value.items():
            yield from references(inner, (*inside, str(key)))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from references(inner, (*inside, number))


def undeclared(name: str, declared: Collection[str]) -> str:
    """What to say of a secret that `secrets:` does not list."""
    return f"no secret is called {name!r}{did_you_mean(name, declared)}: declare it under `secrets:`"


def check_names(layer: Layer, roles: Mapping[str, RoleSchema], faults: Faults) -> None:
    """Refuse roles and settings that do not exist, whether or not a host has the role."""
    for role, settings in layer.settings.items():
        path = (*layer.path, role)
        if role == CUSTOM:
            continue
        if role not in roles:
            faults.add(layer.tree.place(path), path, f"no role is called {role!r}{did_you_mean(role, [*roles, CUSTOM])}")
            continue
        known = roles[role].model.model_fields
        for setting in settings if isinstance(settings, dict) else ():
            if setting not in known:
                place = layer.tree.place((*path, setting))
                faults.add(place, (*path, setting), f"the role {role} has no such setting{did_you_mean(setting, known)}")


def _origin(layer: Layer, role: str, setting: str) -> Origin:
    place = layer.tree.place((*layer.path, role, setting))
    return Origin(layer.level, layer.settings[role][setting], place.file, place.line)


def _disagreement(host: str, role: str, setting: str, layers: tuple[Layer, Layer], faults: Faults) -> None:
    first, other = layers
    path = (*other.path, role, setting)
    faults.add(
        other.tree.place(path),
        path,
        f"the group {first.group} gives another value ({shown(first.settings[role][setting])}, "
        f"{first.tree.place((*first.path, role, setting))}) to the host {host}, and neither group is inside the other: "
        f"say it for the host, or make one a child of the other",
    )
