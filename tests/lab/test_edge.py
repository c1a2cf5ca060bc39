"""What nginx does by itself for a site, on a real host: headers on every answer, CORS, limits, redirects, and its log."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.suite.stock import furnished
from windlass import lab
from windlass.flows.edge.nginx import apply, serving
from windlass.flows.twin import lab_spec, labs_folder
from windlass.flows.workspace import Workspace, load_environment, open_workspace
from windlass.testing.lab import shell

pytestmark = pytest.mark.lab

NAME = f"edge{hashlib.sha256(str(Path(__file__).parents[2]).encode()).hexdigest()[:4]}"
SHOP, OTHER = "shop.example.org", "www.example.org"
FRIEND = "https://friend.example.org"
INVENTORY = f"""\
hosts:
  web1: {{address: 192.0.2.10}}
groups:
  web: {{hosts: [web1], roles: [nginx, certificates]}}
applications:
  shop:
    hosts: web
    source: {{npm: sample, version: 1.0.0}}
    processes:
      web: {{command: serve, listen: socket}}
    site:
      domains: [{SHOP}, {OTHER}]
      tls: true
      canonical: true
      redirects: {{/old: /200, /away: {{to: "https://else.example.org/", permanent: false}}}}
      headers: {{X-Frame-Options: "", Permissions-Policy: camera=()}}
      cors: {{origins: ["{FRIEND}"], methods: [GET, PUT], credentials: true}}
      max_body: 1k
      paths: {{/429: {{rate: 1r/m, burst: 1}}, /uploads: {{max_body: 8k}}}}
"""
# Answers with the status that the path asks for, and with headers that nginx has an opinion about.
ANSWER = """\
import http.server, json, os, socketserver
class Handler(http.server.BaseHTTPRequestHandler):
    def address_string(self):
        return ""
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        body = json.dumps(dict(self.headers)).encode()
        self.send_response(int(path[1:]) if path[1:].isdigit() else 200)
        for name, text in {"Strict-Transport-Security": "max-age=1", "Referrer-Policy": "no-referrer", "X-Release": "r1",
                           "Access-Control-Allow-Origin": "*", "Location": "/", "Content-Length": str(len(body))}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_OPTIONS = do_GET
serve = socketserver.ThreadingUnixStreamServer("/srv/shop/slots/green/run/web-0.sock", Handler)
serve.serve_forever()
"""
CERTIFICATE = """\
live=/etc/windlass/certificates/shop/live; mkdir -p $live; cd $live
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 5 -subj /CN=shop \\
    -keyout privkey.pem -out fullchain.pem 2>/dev/null
echo 'include /etc/nginx/sites-available/windlass-shop.tls[.]conf;' > site.conf
echo 'return 301 https://$host$request_uri;' > redirect.conf
"""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, list[str]]
    body: str


@dataclass(frozen=True)
class Site:
    workspace: Workspace
    lab: lab.Lab

    def shell(self, script: str) -> str:
        return shell(self.lab.hosts["web1"], script, program="/bin/bash")

    def ask(self, path: str, *more: str, scheme: str = "https", name: str = SHOP) -> Answer:
        """An answer to a visitor."""
        to = f"{name}:{443 if scheme == 'https' else 80}:{self.lab.hosts['web1'].address}"
        with tempfile.NamedTemporaryFile() as body:
            words = ["curl", "-sk", "--resolve", to, "-o", body.name, "-w", "%{http_code} %{header_json}"]
            done = subprocess.run([*words, *more, f"{scheme}://{name}{path}"], capture_output=True, text=True, check=True)
            status, _, headers = done.stdout.partition(" ")
            return Answer(int(status), json.loads(headers), body.read().decode())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    project = tmp_path_factory.mktemp("project")
    folder = project / "inventories" / NAME
    folder.mkdir(parents=True)
    (folder / "hosts.yml").write_text(INVENTORY)
    try:
        running = furnished(lab_spec(load_environment(project, NAME)), labs_folder(project), {"web1": "edge"})
        site = Site(open_workspace(project, NAME, lab=True), running)
        assert apply(site.workspace, serving(site.workspace)).error() is None
        site.shell(CERTIFICATE)
        site.shell(
            f"mkdir -p /srv/shop/slots/green/run; ln -s slots/green /srv/shop/live; cat > /srv/answer.py <<'END'\n{ANSWER}END"
        )
        site.shell("systemd-run --quiet --unit=answer --property=UMask=0 python3 /srv/answer.py")
        there = f"curl -skf -o /dev/null --resolve {SHOP}:443:127.0.0.1 https://{SHOP}/200"
        site.shell(f"nginx -t -q; systemctl restart nginx; until {there}; do sleep 0.1; done")
        yield site
    finally:
        lab.down(NAME, root=labs_folder(project), say=_silent)


def _silent(_line: str) -> None:
    """Tests read results, not progress."""


def test_every_header_is_on_every_answer_whoever_gives_it(site: Site) -> None:
    site.ask("/429/more")
    site.ask("/429/more")
    asked = {
        200: site.ask("/200"),
        301: site.ask("/old"),
        302: site.ask("/302"),
        308: site.ask("/200", name=OTHER),
        403: site.ask("/403"),
        404: site.ask("/404"),
        413: site.ask("/200", "--data-binary", "x" * 2000),
        429: site.ask("/429/more"),
        500: site.ask("/500"),
    }
    site.shell("systemctl stop answer")
    try:
        asked[503] = site.ask("/200")
    finally:
        site.shell("rm -f /srv/shop/live/run/web-0.sock; systemctl reset-failed answer 2>/dev/null || true")
        site.shell("systemd-run --quiet --unit=answer --property=UMask=0 python3 /srv/answer.py")
        site.shell("until test -S /srv/shop/live/run/web-0.sock; do sleep 0.05; done")

    assert {wanted: answer.status for wanted, answer in asked.items()} == {wanted: wanted for wanted in asked}
    ours = ("strict-transport-security", "x-content-type-options", "permissions-policy")
    assert {tuple(tuple(answer.headers.get(name, [])) for name in ours) for answer in asked.values()} == {
        (("max-age=63072000",), ("nosniff",), ("camera=()",))
    }
    assert {"x-frame-options" in answer.headers for answer in asked.values()} == {False}
    assert asked[200].headers["referrer-policy"] == ["no-referrer"]
    assert asked[301].headers["referrer-policy"] == ["strict-origin-when-cross-origin"]
    own = asked[503].headers
    assert (own["cache-control"], own["retry-after"], len(own["x-request-id"][0])) == (["no-store"], ["5"], 32)
    assert "retry-after" not in asked[500].headers


def test_paths_and_names_that_have_moved(site: Site) -> None:
    moved = [site.ask("/old"), site.ask("/away"), site.ask("/200?a=b", "-X", "POST", name=OTHER)]
    plain = [site.ask(path, scheme="http", name=name) for path, name in (("/old", SHOP), ("/200?a=b", OTHER))]

    assert [(answer.status, answer.headers["location"]) for answer in moved] == [
        (301, [f"https://{SHOP}/200"]),
        (302, ["https://else.example.org/"]),
        (308, [f"https://{SHOP}/200?a=b"]),
    ]
    assert [(answer.status, answer.headers["location"]) for answer in plain] == [
        (301, [f"https://{SHOP}/old"]),
        (301, [f"https://{OTHER}/200?a=b"]),
    ]
    assert not [answer for answer in plain if "strict-transport-security" in answer.headers]


def test_pages_of_the_named_sites_may_ask_and_no_others(site: Site) -> None:
    leave = ("-X", "OPTIONS", "-H", "Access-Control-Request-Method: PUT")
    granted = site.ask("/200", *leave, "-H", f"Origin: {FRIEND}")
    refused = site.ask("/200", *leave, "-H", "Origin: https://friend.example.org.evil.example")
    asked = site.ask("/404", "-H", f"Origin: {FRIEND}")
    alone = site.ask("/200")

    assert granted.status == 204
    assert {name: texts for name, texts in granted.headers.items() if name.startswith("access-control")} == {
        "access-control-allow-origin": [FRIEND],
        "access-control-allow-methods": ["GET, PUT"],
        "access-control-allow-headers": ["Authorization, Content-Type"],
        "access-control-allow-credentials": ["true"],
        "access-control-max-age": ["600"],
    }
    assert {name: texts for name, texts in asked.headers.items() if name.startswith("access-control")} == {
        "access-control-allow-origin": [FRIEND],
        "access-control-allow-credentials": ["true"],
    }
    assert "Origin" in asked.headers["vary"]
    for answer in (refused, alone):
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_limits_of_a_path_are_its_own(site: Site) -> None:
    sizes = {
        (path, size): site.ask(path, "--data-binary", "x" * size).status for path in ("/200", "/uploads") for size in (900, 5000)
    }

    assert sizes == {("/200", 900): 200, ("/200", 5000): 413, ("/uploads", 900): 200, ("/uploads", 5000): 200}
    assert {site.ask("/200").status for _ in range(30)} == {200}
    assert 429 in [site.ask("/429/more").status for _ in range(3)][1:]


def test_a_network_of_ipv6_is_one_visitor_and_its_neighbour_another(site: Site) -> None:
    ours, friends, theirs, server = "2001:db8:0:1::a", "2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:2::a", "2001:db8:0:ff::1"
    for address in (ours, friends, theirs, server):
        site.shell(f"ip -6 address add {address}/128 dev lo")
    ask = "curl -sk -o /dev/null -w '%{http_code} ' --resolve '" + f"{SHOP}:443:[{server}]' https://{SHOP}/429/visitor --interface "
    said = site.shell("; ".join(f"{ask} {address}" for address in (ours, friends, ours, friends, theirs, theirs, theirs)))

    assert said.split() == ["429" if late else "200" for late in (0, 0, 1, 1, 0, 0, 1)]


def test_a_request_has_a_number_and_the_log_tells_its_story(site: Site) -> None:
    told = json.loads(site.ask("/200?story", "-H", f"X-Request-Id: {'f' * 32}", "-H", "Host: shop.example.org:443").body)
    number = told["X-Request-Id"]
    (row,) = [json.loads(line) for line in site.shell(f"grep -F {number} /var/log/nginx/shop.log").splitlines()]

    assert number != "f" * 32
    assert told["Host"] == "shop.example.org:443"
    assert {name: row[name] for name in ("request_id", "status", "uri", "slot", "release", "upstream_status")} == {
        "request_id": number,
        "status": 200,
        "uri": "/200?story",
        "slot": "green",
        "release": "r1",
        "upstream_status": "200",
    }
    assert float(row["upstream_seconds"]) >= 0


def test_a_name_that_no_site_has_gets_no_answer(site: Site) -> None:
    said = {}
    for scheme, port in (("http", 80), ("https", 443)):
        to = f"nobody.example.org:{port}:{site.lab.hosts['web1'].address}"
        words = ["curl", "-sSk", "--resolve", to, f"{scheme}://nobody.example.org/"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        said[scheme] = (done.stdout, done.stderr)

    assert said["http"][0] == said["https"][0] == ""
    assert "Empty reply" in said["http"][1] or "reset by peer" in said["http"][1]
    assert "unrecognized name" in said["https"][1]
