"""What is wrong with an inventory, said so that a person can put it right: file, line, path, what, and what to do."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Union, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError

from windlass.errors import InventoryError
from windlass.inventory.located import KeyPath, Place

MISSING = "is missing"


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong; sorts by file and line."""

    place: Place
    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.path}: {self.text}" if self.path else f"{self.place}: {self.text}"


@dataclass(slots=True)
class Faults:
    """Collects faults, each once, and raises them together."""

    found: dict[Fault, None] = field(default_factory=dict)

    def add(self, place: Place, path: KeyPath, text: str) -> None:
        self.found[Fault(place, written(path), text)] = None

    def take(self, faults: Iterable[Fault]) -> None:
        self.found.update(dict.fromkeys(faults))

    def raise_any(self, subject: str) -> None:
        """Raises InventoryError with one line per fault, when there are any."""
        if not self.found:
            return
        count = len(self.found)
        raise InventoryError(
            f"{subject}: {count} fault{'s' if count > 1 else ''}",
            hint="put these right; nothing was touched",
            last_lines=[str(fault) for fault in sorted(self.found)],
        )


def written(path: KeyPath) -> str:
    """`hosts.web1.labels`, `groups.web.hosts[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean address?)`, or nothing when no known word is near."""
    import difflib  # noqa: PLC0415 - only when something is wrong

    near = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""


Locate = Callable[[KeyPath], tuple[Place, KeyPath]]


def describe(error: ValidationError, model: type[BaseModel], value: object, locate: Locate, faults: Faults) -> None:
    """Turn what Pydantic found in a value into faults; `locate` knows where a path inside the value stands."""
    for detail in error.errors(include_url=False):
        inside = _path_in(value, detail["loc"], absent=detail["type"] == "missing")
        place, path = locate(inside)
        faults.add(place, path, _sentence(dict(detail), inside, model))


def _path_in(value: object, location: KeyPath, *, absent: bool) -> KeyPath:
    """A path as the file has it: without the words that Pydantic puts in for keys and for the kinds of a union."""
    path: KeyPath = ()
    for number, part in enumerate(location):
        in_list = isinstance(value, list | tuple) and isinstance(part, int)
        if in_list or (isinstance(value, Mapping) and part in value):
            value = cast("Any", value)[part]
        elif not (absent and number == len(location) - 1):
            continue
        path = (*path, part)
    return path


def _sentence(detail: dict[str, Any], inside: KeyPath, model: type[BaseModel]) -> str:
    kind = str(detail["type"])
    if kind == "extra_forbidden":
        return f"unknown key{did_you_mean(str(inside[-1]), keys_at(model, inside[:-1]))}"
    if kind == "missing":
        return MISSING
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind == "literal_error":
        allowed = str(detail["ctx"]["expected"]).replace("'", "")
        return f"should be {allowed}, not {shown(detail['input'])}"
    return _type_sentence(kind, str(detail["msg"]), detail["input"])


_WANTED: Mapping[str, str] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a mapping (key: value)",
    "mapping_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
    "dataclass_type": "a mapping (key: value)",
    "tuple_type": "a list ([a, b], or one `- a` per line)",
    "list_type": "a list ([a, b], or one `- a` per line)",
    "set_type": "a list ([a, b], or one `- a` per line)",
    "frozen_set_type": "a list ([a, b], or one `- a` per line)",
}


def _type_sentence(kind: str, message: str, given: object) -> str:
    wanted = _WANTED.get(kind)
    if wanted is None:
        said = message.removeprefix("Input ")
        return f"{said[:1].lower()}{said[1:]}, not {shown(given)}"
    quotes = ": put it in quotes" if wanted == "text" and isinstance(given, int | float) else ""
    return f"should be {wanted}, not {shown(given)}{quotes}"


def shown(value: object) -> str:
    """A value as the inventory writes it, shortened."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def keys_at(model: type[BaseModel], inside: KeyPath) -> tuple[str, ...]:
    """The keys that are allowed at a path inside a model."""
    kinds: tuple[Any, ...] = (model,)
    for part in inside:
        kinds = tuple(kind for outer in kinds for kind in _kinds_inside(outer, part))
    return tuple(key for kind in kinds if _is_model(kind) for key in kind.model_fields if key != "name")


def _kinds_inside(kind: Any, part: str | int) -> tuple[Any, ...]:
    if _is_model(kind):
        field_ = kind.model_fields.get(str(part))
        return _plain(field_.annotation) if field_ else ()
    arguments = get_args(kind)
    return _plain(arguments[-1 if isinstance(part, str) else 0]) if arguments else ()


def _plain(kind: Any) -> tuple[Any, ...]:
    """The kinds that an annotation stands for, without Annotated and unions around them."""
    if hasattr(kind, "__metadata__"):
        return _plain(kind.__origin__)
    if get_origin(kind) in {Union, types.UnionType}:
        return tuple(one for argument in get_args(kind) for one in _plain(argument))
    return (kind,)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
