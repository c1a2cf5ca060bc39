"""The inventory's format as a JSON Schema, so that editors complete and check the files while they are written."""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import sys
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from windlass.inventory.applications import Application
from windlass.inventory.backups import Backup
from windlass.inventory.general import General
from windlass.inventory.schema import Group, Host, SecretEntry
from windlass.inventory.stores import StoreEntry
from windlass.inventory.variables import CUSTOM, RoleSchema

_SECTIONS: Mapping[str, tuple[type[BaseModel], str]] = {
    "hosts": (Host, "The machines, by name"),
    "groups": (Group, "Hosts that are the same in some respect, by name; the group `all` holds every host"),
    "applications": (Application, "What runs on the hosts, by name"),
    "backups": (Backup, "What is backed up, by name"),
    "stores": (StoreEntry, "Where backups go, by name"),
    "secrets": (SecretEntry, "Secrets that exist, by name; their values are not in the inventory"),
}
_VARIABLES = "Variables"


def schema(roles: Mapping[str, RoleSchema]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one file of an environment, with the settings of these roles under `variables`."""
    models = _with_inner([General, *(model for model, _ in _SECTIONS.values()), *(role.model for role in roles.values())])
    references, definitions = models_json_schema([(model, "validation") for model in models], ref_template="#/$defs/{model}")
    parts: dict[str, Any] = definitions["$defs"]
    for model in models:
        _finish(parts[_name_of(references, model)], model)
    parts[_VARIABLES] = _variables(parts, references, roles)
    properties = {"environment": _reference(_name_of(references, General), "What holds for the environment as a whole")}
    for section, (model, description) in _SECTIONS.items():
        inner = _reference(_name_of(references, model))
        properties[section] = {"type": "object", "description": description, "additionalProperties": _or_nothing(inner, parts)}
    properties["variables"] = _reference(_VARIABLES, "Role settings for all hosts: `role: {setting: value}`")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A file of a Windlass environment",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "$defs": parts,
    }


def _finish(part: dict[str, Any], model: type[BaseModel]) -> None:
    """Add the fields' descriptions, and take out `name`, which in a file is the key above."""
    properties: dict[str, Any] = part.get("properties", {})
    if issubclass(model, tuple(inner for inner, _ in _SECTIONS.values())) or model.__name__ in ("Process", "CronEntry"):
        properties.pop("name", None)
        part["required"] = [key for key in part.get("required", ()) if key != "name"]
    if "variables" in properties:
        properties["variables"] = _reference(_VARIABLES)
    for name, description in _descriptions(model).items():
        if name in properties:
            properties[name].setdefault("description", description)
    for inner in properties.values():
        inner.pop("title", None)


def _variables(parts: Mapping[str, Any], references: Any, roles: Mapping[str, RoleSchema]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for role in roles.values():
        settings = parts[_name_of(references, role.model)]
        properties[role.name] = {
            "type": "object",
            "description": settings.get("description", f"Settings of the role {role.name}"),
            "properties": settings.get("properties", {}),
            "additionalProperties": False,
        }
    properties[CUSTOM] = {"type": "object", "description": "Free values for templates"}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _reference(name: str, description: str = "") -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}", **({"description": description} if description else {})}


def _or_nothing(reference: dict[str, Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    """An entry that needs no key may be empty: `api_token:` declares a secret."""
    needed = parts[reference["$ref"].rpartition("/")[2]].get("required")
    return reference if needed else {"anyOf": [reference, {"type": "null"}]}


def _name_of(references: Any, model: type[BaseModel]) -> str:
    return str(references[(model, "validation")]["$ref"]).rpartition("/")[2]


def _with_inner(models: list[type[BaseModel]]) -> list[type[BaseModel]]:
    """The models and all models inside their fields, each once."""
    found: dict[type[BaseModel], None] = {}
    waiting = list(models)
    while waiting:
        model = waiting.pop(0)
        if model not in found:
            found[model] = None
            waiting += [inner for field in model.model_fields.values() for inner in _models_in(field.annotation)]
    return list(found)


def _models_in(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for argument in get_args(kind):
        yield from _models_in(argument)


def _descriptions(model: type[BaseModel]) -> dict[str, str]:
    """The string below each field, read from the class's source: Pydantic could do it, on every start of the program."""
    kinds = (kind for kind in reversed(model.__mro__) if issubclass(kind, BaseModel) and kind is not BaseModel)
    return {name: text for kind in kinds for name, text in _texts_below(kind)}


def _texts_below(kind: type) -> Iterator[tuple[str, str]]:
    for field, text in itertools.pairwise(_classes_of(kind.__module__).get(kind.__name__, ())):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                yield name, inspect.cleandoc(words)


@functools.cache
def _classes_of(module: str) -> Mapping[str, list[ast.stmt]]:
    """What stands in each class of a module, which is read once; nothing of what is made at run time or a part of Python itself."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (KeyError, OSError, TypeError):
        return {}
    return {each.name: each.body for each in ast.walk(tree) if isinstance(each, ast.ClassDef)}
