"""https without a host: what the inventory refuses, what is rendered, what preflight says of real sockets."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.roles_sample import ALONE, BALANCED, environment, steps, text
from windlass.errors import AgentFailed, InventoryError
from windlass.flows.edge.tls_preflight import reasons, resolved
from windlass.flows.edge.tls_state import Installed, problem_of, served_at
from windlass.inventory import Environment
from windlass.operations.command import Run
from windlass.operations.link import Link
from windlass.operations.nginx import NginxSites
from windlass.operations.operation import Operation
from windlass.operations.template import Template
from windlass.plans.certificates import CHALLENGES, Certificate, certificates
from windlass.plans.firewall import openings

SITES = "/etc/nginx/sites-available"
EDGE = "groups:\n  edge: {hosts: [web1, web2], roles: [certificates]}\n"
TLS = BALANCED.replace("site: {", "site: {tls: true, ")
PATH = f"{CHALLENGES}windlass-1"
NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def loaded(tmp_path: Path) -> Environment:
    return environment(tmp_path, TLS, EDGE)


def lines(operations: list[Operation], path: str) -> list[str]:
    return [line.strip() for line in text(operations, path).splitlines()]


@pytest.mark.parametrize(
    ("site", "fault"),
    [
        ("{port: 80, tls: true}", "`tls` needs `domains`"),
        ('{domains: ["*.example.org"], tls: true}', "without `*`"),
        ("{domains: [shop.example.org], port: 8000, tls: {}}", "`tls` needs `port: 80`, not 8000"),
        ("{domains: [shop.example.org], tls: true}", "needs the role certificates on app1"),
    ],
)
def test_what_cannot_have_a_certificate_is_a_fault_of_the_inventory(tmp_path: Path, site: str, fault: str) -> None:
    with pytest.raises(InventoryError) as caught:
        environment(tmp_path, ALONE.replace("{port: 80}", site))

    assert any(fault in line for line in caught.value.last_lines)


def test_false_is_the_same_as_nothing(tmp_path: Path) -> None:
    off = environment(tmp_path / "off", BALANCED.replace("site: {", "site: {tls: false, "))
    never = environment(tmp_path / "never", BALANCED)

    assert steps(off, "web1", "nginx") == steps(never, "web1", "nginx")
    assert certificates(off) == ()


def test_the_public_may_come_by_https(loaded: Environment) -> None:
    assert [opening.port for opening in openings(loaded, loaded.host("web1"))] == [22, 80, 443]
    assert 443 not in [opening.port for opening in openings(loaded, loaded.host("app1"))]


def test_https_and_the_redirect_hang_on_the_one_link_that_a_certificate_brings(loaded: Environment) -> None:
    wanted = steps(loaded, "web1", "nginx")
    plain = lines(wanted, f"{SITES}/windlass-shop.balancer.conf")
    secure = lines(wanted, f"{SITES}/windlass-shop.tls.conf")

    live = "/etc/windlass/certificates/shop/live"
    assert [line for line in plain if line.startswith("include")] == [
        f"include {live}/site[.]conf;",
        f"include {live}/redirect[.]conf;",
    ]
    assert [line for line in secure if line.startswith(("listen", "ssl_", "upstream"))] == [
        "listen 443 ssl;",
        "listen [::]:443 ssl;",
        f"ssl_certificate {live}/fullchain.pem;",
        f"ssl_certificate_key {live}/privkey.pem;",
    ]
    assert f"{SITES}/windlass-shop.tls.conf" not in [each.target for each in wanted if isinstance(each, Link)]


def test_the_second_balancer_asks_the_first_for_the_proof(loaded: Environment) -> None:
    first, second = (lines(steps(loaded, host, "nginx"), f"{SITES}/windlass-shop.balancer.conf") for host in ("web1", "web2"))

    assert "try_files $uri =404;" in first
    assert "proxy_pass http://198.51.100.10;" not in first
    assert ("try_files $uri @issuer;" in second, "proxy_pass http://198.51.100.10;" in second) == (True, True)


@pytest.mark.parametrize(
    ("tls", "header"),
    [
        ("true", '"onshop.example.org" "max-age=63072000";'),
        ("{hsts_seconds: 300}", '"onshop.example.org" "max-age=300";'),
        ("{hsts_subdomains: true}", '"onshop.example.org" "max-age=63072000; includeSubDomains";'),
    ],
)
def test_browsers_are_told_by_https_alone(tmp_path: Path, tls: str, header: str) -> None:
    loaded = environment(tmp_path, BALANCED.replace("site: {", f"site: {{tls: {tls}, "), EDGE)

    assert header in lines(steps(loaded, "web1", "nginx"), "/etc/nginx/nginx.conf")
    assert "onshop" not in text(steps(loaded, "app1", "nginx"), "/etc/nginx/nginx.conf")


def test_each_kind_of_server_has_its_own_words(loaded: Environment) -> None:
    operation = next(each for each in steps(loaded, "web1", "nginx") if isinstance(each, NginxSites))
    kinds = {file.kinds[0]: [line.strip() for line in file.content.splitlines()] for file in operation.sites[0].files if file.kinds}

    assert {kind: ("listen 443 ssl http2 default_server;" in rows, "http2 on;" in rows) for kind, rows in kinds.items()} == {
        "listen": (True, False),
        "directive": (False, True),
        "hybrid": (False, True),
    }
    assert [kind for kind, rows in kinds.items() if "ssl_ecdh_curve X25519MLKEM768:X25519:prime256v1:secp384r1;" in rows] == [
        "hybrid"
    ]
    assert all("ssl_reject_handshake on;" in rows and "ssl_session_tickets off;" in rows for rows in kinds.values())
    assert not any("ssl_stapling" in line for rows in kinds.values() for line in rows)


def test_the_program_on_the_host_knows_its_certificates_and_takes_hooks_as_they_are(tmp_path: Path) -> None:
    given = "variables: {certificates: {staging: true, deploy_hooks: [\"echo 'it''s'\"]}}\n"
    loaded = environment(tmp_path, TLS, EDGE, given)
    first, second = (
        text(steps(loaded, host, "certificates"), "/usr/local/sbin/windlass-certificates") for host in ("web1", "web2")
    )

    assert "shop) echo /etc/letsencrypt/live/shop ;;" in first
    assert "shop) echo /etc/windlass/certificates/shop/source ;;" in second
    assert "shop) echo shop.example.org,www.example.org ;;" in first
    assert "--server 'https://acme-staging-v02.api.letsencrypt.org/directory'" in first
    assert "( echo 'it''s' )" in first


def test_another_certbot_comes_beside_the_old_one(loaded: Environment) -> None:
    wanted = steps(loaded, "web1", "certificates")
    folder = next(each.creates for each in wanted if isinstance(each, Run) and each.creates).removesuffix("/whole")

    assert folder.startswith("/opt/certbot/")
    assert [each.target for each in wanted if isinstance(each, Link)] == [f"{folder}/bin/certbot"]
    assert "certbot==5.8.0" in text(wanted, "/etc/windlass/certbot.txt").splitlines()
    assert not [each for each in wanted if isinstance(each, Template) and each.mode == "0755" and "BEGIN" in str(each.content())]


class Server(http.server.BaseHTTPRequestHandler):
    """A token at its place, for one name; something else for others."""

    def do_GET(self) -> None:
        good = self.path == PATH and self.headers["Host"] == "shop.example.org"
        self.send_response(200 if good else 302)
        self.send_header("Location", "https://parked.example.org/")
        self.end_headers()
        self.wfile.write(b"token" if good else b"buy this domain")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Quiet."""


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def wanted(loaded: Environment) -> Certificate:
    return certificates(loaded)[0]


def test_preflight_fetches_the_token_by_every_name(wanted: Certificate, port: int) -> None:
    found = reasons(wanted, PATH, "token", lambda _name: ["127.0.0.1"], port)

    assert found == (
        (
            "www.example.org leads to 127.0.0.1, which is not the address of web1 or web2: something else answers there, "
            "with status 302 and leads to https://parked.example.org/, instead of the token that was put on the server"
        ),
    )


def test_preflight_says_that_nobody_listens(wanted: Certificate, port: int) -> None:
    found = reasons(
        wanted, PATH, "token", lambda name: ["127.0.0.1"] if name.startswith("shop") else ["127.0.0.1", "127.0.0.9"], port
    )

    assert any("www.example.org leads to 127.0.0.9" in reason and "gives no answer" in reason for reason in found)
    assert not any(reason.startswith("shop") for reason in found)


def test_a_name_that_leads_nowhere_is_said(wanted: Certificate) -> None:
    found = reasons(wanted, PATH, "token", lambda _name: resolved("nowhere.invalid"))

    assert [reason.partition(":")[0] for reason in found] == ["shop.example.org has no address", "www.example.org has no address"]


def installed(
    fingerprint: str = "aa", days: int = 60, names: tuple[str, ...] = ("shop.example.org", "www.example.org")
) -> Installed:
    ends = NOW + timedelta(days=days)
    return Installed(fingerprint=fingerprint, domains=names, issuer="CN=x", begins=ends - timedelta(days=90), ends=ends)


def test_the_first_thing_that_is_wrong_is_said(wanted: Certificate) -> None:
    good = dict.fromkeys(wanted.domains, "aa")
    silent = good | {"www.example.org": "no answer: refused"}

    def problem(disk: Installed | None, served: dict[str, str] = good, first: Installed | AgentFailed | None = None) -> str:
        return problem_of(wanted, disk, first or installed(), served, NOW)

    assert problem(installed()) == ""
    assert problem(installed(), first=AgentFailed("away")) == ""
    assert problem(None) == "there is no certificate yet: invoke tls.issue"
    assert problem(installed("bb")) == "it has another certificate than web1: invoke tls.renew"
    assert (
        problem(installed(names=("shop.example.org",)))
        == "it is for shop.example.org, and not for www.example.org: invoke tls.issue"
    )
    assert problem(installed(), good | {"www.example.org": "cc"}) == "www.example.org serves another certificate than is on disk"
    assert problem(installed(), silent) == "www.example.org: no answer: refused"
    assert problem(installed(days=20)) == "it should have been renewed by now; it ends 2026-12-10 00:00 UTC"


def test_what_does_not_speak_tls_serves_no_certificate(port: int) -> None:
    assert served_at("127.0.0.1", "shop.example.org", port).startswith("no answer: ")
