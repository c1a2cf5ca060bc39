"""What a setup says at its end."""

from __future__ import annotations

import pytest

from windlass.flows.setup import HostSetup, SetupResult
from windlass.tasks.setup import outcome_of

DONE, SAME = HostSetup(ok=3, changed=2, unknown=1), HostSetup(ok=6)


@pytest.mark.parametrize(
    ("hosts", "check", "said"),
    [
        ({"web1": DONE}, False, "3 operations changed on web1"),
        ({"web1": DONE}, True, "2 operations would change and 1 is unknown until run on web1"),
        ({"web1": HostSetup(changed=1), "web2": SAME}, True, "1 operation would change on web1; 2 hosts in all"),
        ({"web1": SAME, "web2": SAME}, False, "nothing had to change on 2 hosts"),
        ({f"web{number}": DONE for number in range(9)}, False, "27 operations changed on 9 hosts"),
    ],
)
def test_how_much_changed_and_where(hosts: dict[str, HostSetup], check: bool, said: str) -> None:  # noqa: FBT001
    assert outcome_of(SetupResult(hosts), check=check).text == said
