"""What was seen against what was compiled: equality in both directions, and a reason for each difference."""

from __future__ import annotations

import pytest

from windlass.plans.exposure import Difference, Seen, differences, expected
from windlass.plans.firewall import ANYWHERE, Opening, is_wide

APP, OTHER, SIX = "198.51.100.21", "203.0.113.9", "2001:db8::22"
DOORS = (
    Opening(22, "tcp", ANYWHERE, "SSH"),
    Opening(5432, "tcp", (APP, "2001:db8::/64"), "postgresql for the applications"),
    Opening(51820, "udp", ANYWHERE, "WireGuard"),
)


def seen(source: str, *ports: int, viewer: str = "") -> Seen:
    return Seen("data1", "198.51.100.30", viewer, source, ports)


@pytest.mark.parametrize(("source", "ports"), [(APP, {22, 5432}), (SIX, {22, 5432}), (OTHER, {22}), ("2001:db8:1::22", {22})])
def test_what_is_expected_depends_on_who_looks_and_udp_is_not_seen(source: str, ports: set[int]) -> None:
    assert set(expected(DOORS, source)) == ports
    assert differences(DOORS, [seen(source, *ports)]) == ()


def test_an_open_port_that_nobody_asked_for_is_told_from_one_that_is_for_others() -> None:
    assert differences(DOORS, [seen(OTHER, 22, 5432, 8000)]) == (
        Difference(
            "data1",
            "198.51.100.30",
            "",
            5432,
            "open",
            "compiled for others only: postgresql for the applications (198.51.100.21, 2001:db8::/64)",
        ),
        Difference("data1", "198.51.100.30", "", 8000, "open", "nothing in the inventory asks for it"),
    )


def test_a_compiled_port_that_is_closed_is_a_difference_for_those_only_whom_it_is_for() -> None:
    assert differences(DOORS, [seen(OTHER, 22), seen(APP, 22, viewer="app1")]) == (
        Difference("data1", "198.51.100.30", "app1", 5432, "closed", "compiled for postgresql for the applications"),
    )


@pytest.mark.parametrize(
    ("source", "wide"),
    [
        ("anywhere", True),
        ("0.0.0.0/0", True),
        ("128.0.0.0/1", True),
        ("::/0", True),
        ("2000::/3", True),
        ("10.0.0.0/8", False),
        ("2001:db8::/32", False),
        ("192.0.2.1", False),
    ],
)
def test_a_network_can_be_so_large_that_it_is_anywhere(source: str, wide: bool) -> None:  # noqa: FBT001 - a case's answer
    assert is_wide(source) is wide
