"""What can be reloaded, and what cannot."""

from __future__ import annotations

import pytest

from windlass.errors import UsageError
from windlass.flows.deployment.reload import _serving
from windlass.plans.slots import HostState


def state(host: str, release: str) -> HostState:
    return HostState(host, "blue" if release else "", {"blue": release} if release else {}, {}, ())


def test_what_all_hosts_serve_can_be_reloaded() -> None:
    assert _serving({"a": state("a", "r1"), "b": state("b", "r1")}) == "r1"


@pytest.mark.parametrize(
    ("first", "second", "said"), [("", "", "nothing serves yet"), ("r1", "r2", "different releases: r1, r2"), ("r1", "", "r1")]
)
def test_where_the_hosts_disagree_there_is_nothing_to_reload(first: str, second: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        _serving({"a": state("a", first), "b": state("b", second)})
