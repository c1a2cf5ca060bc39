"""Files that are left out before they are imported: only those that hold nothing of what is wanted."""

from __future__ import annotations

import pytest

from tests.choosing import holds_nothing

ON_HOSTS = "import pytest\n\npytestmark = pytest.mark.lab\n\ndef test_a(): ...\n"
QUICK = "def test_a(): ...\n"
BOTH = "import pytest\n\n@pytest.mark.lab\ndef test_a(): ...\n\ndef test_b(): ...\n"


@pytest.mark.parametrize(
    ("text", "wanted", "left_out"),
    [
        (ON_HOSTS, "not lab", True),
        (QUICK, "not lab", False),
        (BOTH, "not lab", False),
        (ON_HOSTS, "lab", False),
        (QUICK, "lab", True),
        (BOTH, "lab", False),
        (ON_HOSTS, "", False),
        (QUICK, "lab or quick", False),
    ],
)
def test_a_file_is_left_out_when_nothing_of_it_is_wanted(text: str, wanted: str, *, left_out: bool) -> None:
    assert holds_nothing(text, wanted) == left_out
