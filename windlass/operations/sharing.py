"""Hosts that want the very same share one batch: it is kept, and described for the agent, once for all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from windlass.operations.local_tree import LocalTree
from windlass.operations.wire import Batch


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
    ours, theirs = _parts(one), _parts(other)
    if ours is None or theirs is None:
        return one == other
    return len(ours) == len(theirs) and all(map(alike, ours, theirs))


def _parts(value: object) -> Sequence[object] | None:
    """What a value is made of; None for one that is compared as it is."""
    if isinstance(value, str):  # nearly all are
        return None
    if isinstance(value, LocalTree):
        return value.root, value.digest
    if isinstance(value, Mapping):
        return *value, *value.values()
    if isinstance(value, (tuple, list)):
        return value
    if dataclasses.is_dataclass(value):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    return None
