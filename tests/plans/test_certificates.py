"""Which certificates an environment needs, when one is late, and why an authority would refuse a name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.roles_sample import ALONE, BALANCED, environment
from windlass.plans.certificates import certificates, late, obstacles

TLS = BALANCED.replace("site: {", "site: {tls: true, ")


def test_only_sites_with_tls_have_one_and_the_first_balancer_gets_it(tmp_path: Path) -> None:
    loaded = environment(tmp_path, TLS, "groups:\n  edge: {hosts: [web1, web2], roles: [certificates]}\n")

    (found,) = certificates(loaded)

    assert (found.name, found.domains) == ("shop", ("shop.example.org", "www.example.org"))
    assert [host.name for host in found.hosts] == ["web1", "web2"]
    assert found.issuer.name == "web1"
    assert [found.source(host) for host in found.hosts] == ["/etc/letsencrypt/live/shop", "/etc/windlass/certificates/shop/source"]


def test_without_tls_there_is_none(tmp_path: Path) -> None:
    assert certificates(environment(tmp_path, ALONE)) == ()


@pytest.mark.parametrize(
    ("days", "left", "expected"), [(90, 31, False), (90, 22, True), (6, 2, False), (6, 1, True), (45, -1, True)]
)
def test_late_is_told_by_the_life_of_the_certificate(days: int, left: int, *, expected: bool) -> None:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    ends = now + timedelta(days=left)

    assert late(ends - timedelta(days=days), ends, now) is expected


def test_reasons_name_the_host_or_say_that_it_is_none(tmp_path: Path) -> None:
    hosts = environment(tmp_path, BALANCED).hosts_of("web")
    found = {"203.0.113.10": "", "203.0.113.11": "port 80 was silent", "2001:db8::99": "status 404"}

    assert obstacles("shop.example.org", found, hosts) == (
        "shop.example.org leads to 203.0.113.11 (web2): port 80 was silent",
        "shop.example.org leads to 2001:db8::99, which is not the address of web1 or web2: status 404",
    )
    assert obstacles("shop.example.org", {"203.0.113.10": ""}, hosts) == ()


def test_a_name_without_an_address_is_an_obstacle(tmp_path: Path) -> None:
    hosts = environment(tmp_path, BALANCED).hosts_of("web")

    assert obstacles("x.example.org", {}, hosts, unresolved="unknown") == ("x.example.org has no address: unknown",)
    assert obstacles("x.example.org", {}, hosts) == ("x.example.org has no address: the name server knows none",)
