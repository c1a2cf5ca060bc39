"""What a visitor of a site with a certificate gets, and what none gets."""

from __future__ import annotations

import socket
import ssl

import pytest

from tests.lab.tls.place import NAMES, Site

pytestmark = pytest.mark.lab


def test_an_unknown_name_gets_no_certificate(site: Site) -> None:
    context = ssl._create_unverified_context()  # noqa: S323 - it is about the handshake itself
    for name in ("other.example.org", None):
        with (
            socket.create_connection((site.lab.hosts["web1"].address, 443), timeout=60) as plain,
            pytest.raises(ssl.SSLError, match=r"(?i)unrecognized[_ ]name"),
        ):
            context.wrap_socket(plain, server_hostname=name)


@pytest.mark.parametrize("code", [200, 301, 403, 404, 500, 503])
def test_every_answer_by_https_tells_browsers_to_stay_with_it(site: Site, code: int) -> None:
    status_code, headers, version = site.ask(f"https://{NAMES[0]}/{code}")

    assert (status_code, headers["strict-transport-security"], version) == (code, ["max-age=63072000"], "2")


def test_nginx_s_own_page_says_so_too(site: Site) -> None:
    site.shell("app1", "systemctl stop nginx")
    try:
        status_code, headers, _ = site.ask(f"https://{NAMES[0]}/200")
    finally:
        site.shell("app1", "systemctl start nginx")

    assert (status_code, headers["strict-transport-security"]) == (503, ["max-age=63072000"])
    again = "curl -skf -o /dev/null --resolve shop.example.org:443:127.0.0.1 https://shop.example.org/200"
    site.shell("web1", f"until {again}; do sleep 0.2; done")


def test_http_leads_to_https_on_the_same_host_and_the_proof_does_not(site: Site) -> None:
    status_code, headers, _ = site.ask(f"http://{NAMES[1]}/some/page?x=1")
    proof, _, _ = site.ask(f"http://{NAMES[1]}/.well-known/acme-challenge/nothing")

    assert (status_code, headers["location"]) == (301, [f"https://{NAMES[1]}/some/page?x=1"])
    assert "strict-transport-security" not in headers
    assert proof == 404


def test_old_protocols_and_weak_ciphers_are_refused(site: Site) -> None:
    context = ssl._create_unverified_context()  # noqa: S323
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
    with socket.create_connection((site.lab.hosts["web1"].address, 443), timeout=60) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname=NAMES[0])
