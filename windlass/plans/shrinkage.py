"""Whether a new backup is suspiciously small: a dump that is whole, and of a database that has lost its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from windlass.values import human_bytes

USUAL: Final = 5  # backups before it whose median is the usual size
FEWEST: Final = 3  # fewer than these tell nothing of what is usual, unless a person said that the first of them is right


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is in one backup.

    sizes      bytes before compression, by part; parts that were made in another way have another name
    counts     rows of the database, members of each archive, keys of a Redis
    accepted   a person said that this size is right: what was before it is no measure any more
    """

    sizes: Mapping[str, int]
    counts: Mapping[str, int]
    accepted: bool = False


def shrinkage(new: Extent, before: Sequence[Extent], percent: int) -> tuple[str, ...]:
    """What of a new backup is smaller than `percent` of what is usual, or empty and was not; a line for each.

    `before` are the good ones, newest first.
    """
    measure = _measure(before)
    lines = []
    for part, size in new.sizes.items():
        sizes = [each.sizes[part] for each in measure if part in each.sizes]
        enough = len(sizes) >= FEWEST or any(each.accepted for each in measure)
        if sizes and enough and size * 100 < median(sizes) * percent:
            lines.append(f"{part} has {human_bytes(size)} where {human_bytes(int(median(sizes)))} are usual")
    for part, count in new.counts.items():
        last = measure[0].counts.get(part, 0) if measure else 0
        if percent and last and not count:
            lines.append(f"{part} has nothing in it any more, and had {last} in the last good one")
    return tuple(lines)


def _measure(before: Sequence[Extent]) -> Sequence[Extent]:
    """The last few good ones, back to the one whose size a person accepted."""
    newest = list(before[:USUAL])
    for number, each in enumerate(newest):
        if each.accepted:
            return newest[: number + 1]
    return newest
