"""How big the parts are in which something goes to a store: equal ones, not more than the store takes."""

from __future__ import annotations

from typing import Final

MIB: Final = 1 << 20
MOST_PARTS: Final = 10_000  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
SMALLEST: Final = 8 * MIB
LARGEST: Final = 5 * 1024 * MIB  # the same page
UNKNOWN: Final = 32 * MIB  # 312 GiB fit into so big parts


def part_bytes(expected: int, wanted_mib: int | None = None) -> int:
    """The size of all parts but the last, in bytes: what was asked for, else so that twice what is expected fits.

    All are equal because R2 wants them so. What is `expected` is a guess (a database's size on its disk; 0 for none), and a dump
    may be bigger than the database; the size cannot be changed later.
    """
    if wanted_mib:
        return wanted_mib * MIB
    if not expected:
        return UNKNOWN
    needed = -(-2 * expected // (MOST_PARTS * MIB)) * MIB
    return min(LARGEST, max(SMALLEST, needed))
