"""How big the parts are in which something goes to a store."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.plans.parts import LARGEST, MIB, MOST_PARTS, SMALLEST, part_bytes

GIB = 1024 * MIB


@pytest.mark.parametrize(
    ("expected", "wanted", "size"),
    [
        (0, None, 32 * MIB),  # nobody knows
        (3 * GIB, None, 8 * MIB),
        (40 * GIB, None, 9 * MIB),
        (1024 * GIB, None, 210 * MIB),
        (1024 * GIB, 64, 64 * MIB),  # somebody knows better
        (3 * GIB, 5, 5 * MIB),
    ],
)
def test_the_size_follows_the_database_s(expected: int, wanted: int | None, size: int) -> None:
    assert part_bytes(expected, wanted) == size


@given(st.integers(1, LARGEST * MOST_PARTS // 2))
def test_twice_what_is_expected_always_fits(expected: int) -> None:
    size = part_bytes(expected)

    assert SMALLEST <= size <= LARGEST
    assert size * MOST_PARTS >= 2 * expected
    assert size % MIB == 0
