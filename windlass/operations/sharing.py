"""Hosts that want the very same share one batch: it is kept, and described for the agent, once for all of them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

from windlass.operations.local_tree import LocalTree
from windlass.operations.wire import Batch

_PLAIN: Final = (str, int, float, bool, bytes, type(None))  # of these, two of the same type are alike when they are equal
_Parts = Callable[[Any], Sequence[object]]


def shared(batches: Mapping[str, Batch]) -> dict[str, Batch]:
    """The same batches by host; one that is like an earlier one is that earlier one."""
    first: dict[tuple[str, ...], Batch] = {}
    found = {}
    for host, batch in batches.items():
        like = first.setdefault(tuple(operation.title() for operation in batch.operations), batch)
        found[host] = like if alike(like, batch) else batch
    return found


def alike(one: object, other: object) -> bool:
    """Whether two values are the same to the last. `==` is not enough: 1 equals True, and a template writes another word for it."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    parts = _parts_of(type(one))  # type: ignore[arg-type]  # mypy looks for the hash of an instance
    if parts is None:
        return one == other
    ours, theirs = parts(one), parts(other)
    return len(ours) == len(theirs) and all(map(alike, ours, theirs))


@functools.cache
def _parts_of(kind: type) -> _Parts | None:
    """What gives the parts of values of this type; None for those that are compared as they are."""
    if kind in _PLAIN:
        return None
    if issubclass(kind, LocalTree):
        return attrgetter("root", "digest")
    if issubclass(kind, Mapping):
        return lambda value: (*value, *value.values())
    if issubclass(kind, tuple | list):
        return lambda value: value
    if dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind)]
        return attrgetter(*names) if len(names) > 1 else lambda value: [getattr(value, name) for name in names]
    return None
