"""The grade that a site earns: the best as it is set up, and a worse one, with the reason, for whatever was changed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.tls.place import INVENTORY, NAME, NAMES, Site
from windlass.flows.steps import until
from windlass.lab import ipv6

pytestmark = pytest.mark.lab


def test_what_is_set_up_earns_an_a_plus_from_every_listener_of_both_families(site: Site) -> None:
    six = ipv6.give(site.lab)
    try:
        document = site.command("tls.grade")
    finally:
        for host in six:
            site.shell(host, "ip -6 address flush dev host0 scope global")

    found = document["result"]["listeners"]
    assert [(each["host"], each["address"], each["name"]) for each in found] == [
        (host, address, name)
        for host in ("web1", "web2")
        for address in (site.lab.hosts[host].address, six[host])
        for name in NAMES
    ]
    assert {(each["grade"], *each["reasons"], *each["not_provoked"]) for each in found} == {("A+",)}
    assert {tuple(each["protocols"]) for each in found} == {("TLS 1.2", "TLS 1.3")}
    assert {answer["status"] for answer in found[0]["answers"]} == {200, 301, 403, 404, 405, 414, 500}
    assert all(each["on_disk"] == each["fingerprint"] for each in found)
    assert document["exit_code"] == 0


def test_without_hsts_the_same_site_is_an_a(site: Site) -> None:
    inventory = site.project / "inventories" / NAME / "hosts.yml"
    inventory.write_text(INVENTORY.replace("tls: true", "tls: {hsts_seconds: 0}"))
    try:
        assert site.setup(roles=("nginx",)).error() is None
        document = until(lambda: site.command("tls.grade"), _is_bare, 60)
    finally:
        inventory.write_text(INVENTORY)
        site.restore()

    assert _is_bare(document)
    assert (document["exit_code"], document["error"]["message"]) == (1, "4 of 4 listeners are not A+")


def _is_bare(document: dict[str, Any]) -> bool:
    found = {(each["grade"], *each["reasons"]) for each in document["result"]["listeners"]}
    return found == {("A", "no answer has Strict-Transport-Security")}


SHADOW = "location /windlass-grade- { add_header X-Shadow 1 always; return 404; }"
# As nginx came some years ago, and with a certificate for whoever asks.
OLD = """
cd /etc/nginx/sites-available
live=/etc/windlass/certificates/shop/live
given="ssl_certificate $live/fullchain.pem; ssl_certificate_key $live/privkey.pem; return 444;"
sed -i -e "s|ssl_reject_handshake on;|$given|" -e 's/^ssl_protocols.*/ssl_protocols TLSv1.1 TLSv1.2;/' \\
    -e 's/^ssl_ciphers .*/ssl_ciphers ALL:@SECLEVEL=0;/' windlass.tls.conf
nginx -t -q
systemctl restart nginx
"""


def test_what_was_changed_by_hand_is_found_and_named(site: Site) -> None:
    site.shell("web1", f"sed -i '/server_name/a {SHADOW}' /etc/nginx/sites-available/windlass-shop.tls.conf; nginx -s reload")
    site.shell("web2", OLD)
    try:
        found = until(site.grades, lambda found: found["web1"].letter == "A", 60)
    finally:
        site.restore()

    assert found["web1"].letter == "A"
    assert found["web1"].reasons == ("the 404 for an unknown path has no Strict-Transport-Security",)
    reasons = "\n".join(found["web2"].reasons)
    assert found["web2"].letter in ("B", "C", "F")
    for part in ("B: it speaks TLS 1.1", "A-: it does not speak TLS 1.3", "for a name that no site has it gives a certificate"):
        assert part in reasons
    assert "without a name it gives a certificate" in reasons
    assert "not as Mozilla's intermediate recommendation: TLS versions {'TLSv1.1'} are supported" in reasons


def test_an_authority_that_nobody_knows_is_a_t(site: Site) -> None:
    site.settings(directory_authority=site.api.partition("-----END CERTIFICATE-----\n")[0] + "-----END CERTIFICATE-----\n")
    try:
        found = site.grades()
    finally:
        site.settings()

    assert {grade.letter for grade in found.values()} == {"T"}
    assert "leads to no authority that is trusted" in found["web1"].reasons[0]
