"""Which environment variables a version needs, and what differs from a release's."""

from __future__ import annotations

import pytest

from windlass.plans.env_keys import Difference, Keys, compared, difference, example


@pytest.mark.parametrize(
    ("text", "needed", "optional"),
    [
        ("A=\nexport B=''\nC=\"\"\n  D= # from the provider\n", {"A", "B", "C", "D"}, set()),
        ("A=1\nB='x' # note\n#C=\n# D=3000\nE=#hash\n", {"E"}, {"A", "B", "C", "D"}),
        ("# say A=b where c is\n\n# ---- x ----\nnot a line\n1A=\nA-B=\n", set(), set()),
        ("# If FLAG=1 it works.\n# FLAG=1 makes it work so.\n", set(), set()),
        ("A=\nA=1\n", set(), {"A"}),
        ("A=\r\nB=1\r\n", {"A"}, {"B"}),
    ],
)
def test_a_key_without_a_value_is_needed(text: str, needed: set[str], optional: set[str]) -> None:
    assert (example(text).needed, example(text).optional) == (needed, optional)


def test_missing_and_surplus_keys_are_named() -> None:
    assert compared(example("A=\nB=\nC=1\n"), ["B", "Z", "Y"]) == Keys(missing=("A",), surplus=("Y", "Z"))
    assert compared(example("A=\n# B=\n"), ["A", "B"]) == Keys()


def test_a_difference_is_told_by_fingerprints() -> None:
    found = difference({"A": "11", "B": "22", "C": "33"}, {"B": "22", "C": "44", "D": "55"})

    assert found == Difference(added=("D",), removed=("A",), changed=("C",))
