"""Which subnet a lab gets, and which rules."""

from __future__ import annotations

import json
from ipaddress import IPv4Network

import pytest

from windlass.errors import LabError
from windlass.lab.network import COUNT, FIRST, choose_subnet, dropping_chain, rules

EVERYTHING = IPv4Network((FIRST, 10))


def test_a_name_always_gets_the_same_subnet_within_the_labs_range() -> None:
    chosen = choose_subnet("demo", [])

    assert choose_subnet("demo", []) == chosen
    assert chosen.prefixlen == 24
    assert chosen.subnet_of(EVERYTHING)


def test_names_spread() -> None:
    assert len({choose_subnet(f"lab-{number}", []) for number in range(50)}) > 45


def test_a_taken_subnet_is_passed_over() -> None:
    first = choose_subnet("demo", [])
    inside = IPv4Network((int(first.network_address) + 5, 32))
    second = choose_subnet("demo", [inside])

    assert int(second.network_address) == FIRST + (int(first.network_address) - FIRST + 256) % (COUNT * 256)
    assert choose_subnet("demo", [inside, second]) not in {first, second}


def test_a_wide_route_pushes_a_lab_out_of_it() -> None:
    first = choose_subnet("demo", [])
    wide = first.supernet(new_prefix=12)

    assert not choose_subnet("demo", [wide]).overlaps(wide)


def test_no_free_subnet_is_an_error() -> None:
    with pytest.raises(LabError, match="in use on this machine"):
        choose_subnet("demo", [EVERYTHING])


def test_a_chain_that_forwards_nothing_is_found() -> None:
    chains = [
        {"family": "ip", "table": "nat", "name": "POSTROUTING", "hook": "postrouting", "policy": "drop"},
        {"family": "ip6", "table": "filter", "name": "FORWARD", "hook": "forward", "policy": "drop"},
        {"family": "ip", "table": "windlass_abc", "name": "between", "hook": "forward", "policy": "accept"},
        {"family": "ip", "table": "filter", "name": "FORWARD", "hook": "forward", "policy": "drop"},
    ]

    assert dropping_chain(json.dumps({"nftables": [{"chain": chain} for chain in chains]})) == "ip filter FORWARD"
    assert dropping_chain(json.dumps({"nftables": [{"metainfo": {}}, {"chain": chains[2]}]})) == ""
    assert dropping_chain("") == ""


def test_rules_replace_the_labs_own_table_and_touch_no_other() -> None:
    lines = rules("windlass_abc", "wl-abc", "198.51.100.0/24").splitlines()

    assert lines[:3] == ["table ip windlass_abc", "delete table ip windlass_abc", "table ip windlass_abc {"]
    assert '        ip saddr 198.51.100.0/24 oifname != "wl-abc" masquerade' in lines
    assert '        oifname "wl-abc" iifname != "wl-abc" ct state new drop' in lines
