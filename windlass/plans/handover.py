"""Which workers of a slot have to end, and when, so that those of the next release can begin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from windlass.plans.slots import Held


def before_migration(held: Held, wanted: Mapping[str, str], prefix: str) -> tuple[str, ...]:
    """The workers that finish what they have before the database changes under them, by name.

    `wanted` says by process how the next release's workers want to follow. One that overlapped so far and no longer may goes
    here, too: it holds no lock that would keep the next one waiting. `prefix` is what the names of the slot begin with.
    """
    free = set(held.workers) - set(held.single)
    strict = {name for name in free if wanted.get(process_of(name, prefix), "overlap") != "overlap"}
    return tuple(name for name in held.workers if name in strict or name in held.drain)


def not_beside_others(held: Held) -> tuple[str, ...]:
    """The workers of a slot that must have ended before their successors begin."""
    return _of(held, {*held.drain, *held.single})


def may_overlap(held: Held) -> tuple[str, ...]:
    """The workers of a slot that may begin while their predecessors still work."""
    return _of(held, set(held.workers) - {*held.drain, *held.single})


def process_of(name: str, prefix: str) -> str:
    """The process that an instance is one of: `shop-blue-mail-0` with the prefix `shop-blue-` is one of `mail`."""
    return name.removeprefix(prefix).rpartition("-")[0]


def _of(held: Held, names: Iterable[str]) -> tuple[str, ...]:
    chosen = set(names)
    return tuple(name for name in held.workers if name in chosen)
