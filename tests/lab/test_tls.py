"""From blank hosts to certificates that both balancers serve, with a real authority: asked, renewed, refused, broken, put right."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from windlass import lab
from windlass.errors import OperationFailed, RefusedError
from windlass.events import Event
from windlass.flows.setup import SetupResult, setup
from windlass.flows.steps import until
from windlass.flows.tls import Served, chosen, error_of, issue, renew, status
from windlass.flows.tls_grade import grades
from windlass.flows.twin import lab_spec, labs_folder
from windlass.flows.workspace import Workspace, load_environment, open_workspace
from windlass.lab import authority, ipv6
from windlass.plans.grade import Grade
from windlass.values import Command

pytestmark = pytest.mark.lab

# Each checkout has hosts of its own, so that two may run their tests at the same time.
NAME = f"tls{hashlib.sha256(str(Path(__file__).parents[2]).encode()).hexdigest()[:4]}"
TOP = Path(__file__).parents[2]
NAMES = ("shop.example.org", "www.example.org")
INVENTORY = """\
hosts:
  ca: {address: 192.0.2.5}
  web1: {address: 192.0.2.10}
  web2: {address: 192.0.2.11}
  app1: {address: 192.0.2.21}
groups:
  web: {hosts: [web1, web2], roles: [firewall, nginx, certificates]}
  app: {hosts: [app1], roles: [nginx]}
applications:
  shop:
    hosts: app
    source: {npm: sample, version: 1.0.0}
    processes:
      web: {command: serve, listen: socket}
    site: {balancer: web, domains: [shop.example.org, www.example.org], tls: true}
"""
# Answers with the status that the path asks for; otherwise as a site does.
ANSWER = """\
import http.server, socketserver
class Handler(http.server.BaseHTTPRequestHandler):
    def address_string(self):
        return ""
    def do_GET(self):
        asked = self.path[1:]
        self.send_response(int(asked) if asked.isdigit() else 404 if asked else 200)
        self.send_header("Strict-Transport-Security", "max-age=1")
        self.send_header("Content-Length", "0")
        self.end_headers()
socketserver.ThreadingUnixStreamServer("/srv/shop/live/run/web-0.sock", Handler).serve_forever()
"""


@dataclass
class Site:
    """The hosts, and what the first run came to."""

    project: Path
    lab: lab.Lab
    api: str
    first: Served = field(init=False)
    events: list[Event] = field(default_factory=list)

    @property
    def root(self) -> str:
        return authority.root(lambda script: self.shell("ca", script))

    @property
    def workspace(self) -> Workspace:
        """As the files say now."""
        return open_workspace(self.project, NAME, lab=True)

    def shell(self, host: str, script: str) -> str:
        answer = lab.run_inside(self.lab.hosts[host], Command.of("/bin/bash", "-ec", script), limit=300)
        assert answer.code == 0, f"{script}\n{answer.text}\n{answer.stderr.decode(errors='replace')}"
        return answer.text

    def setup(self, limit: str = "web", roles: tuple[str, ...] = ()) -> SetupResult:
        workspace = self.workspace
        return setup(workspace, workspace.hosts(limit), roles=roles)

    def restore(self) -> None:
        """As the roles say; and no worker from before goes on, as one would after a mere reload."""
        assert self.setup(roles=("nginx",)).error() is None
        for host in ("web1", "web2"):
            self.shell(host, "systemctl restart nginx")

    def settings(self, **more: object) -> None:
        """Settings of the role certificates."""
        paths = {"shop": ["/301", "/403", "/500"]}
        values = {"directory": "https://ca:14000/dir", "directory_authority": self.api, "grade_paths": paths, **more}
        path = self.project / "inventories" / NAME / "variables.yml"
        path.write_text(yaml.safe_dump({"variables": {"certificates": values}}))

    def issue(self) -> Served:
        return issue(self.workspace, chosen(self.workspace), listener=self.events.append)

    def renew(self, *, force: bool = False) -> Served:
        return renew(self.workspace, chosen(self.workspace), force=force, listener=self.events.append)

    def command(self, *words: str) -> dict[str, Any]:
        """A task as a process of its own; what it says with `--json`."""
        program = [sys.executable, "-m", "windlass.tasks.program", *words, "--env", NAME, "--lab", "--json"]
        surroundings = {"PYTHONPATH": str(TOP), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(program, cwd=self.project, capture_output=True, text=True, check=False, env=surroundings)
        document: dict[str, Any] = json.loads(done.stdout)
        assert document["exit_code"] == done.returncode
        return document

    def grades(self) -> dict[str, Grade]:
        """The grade of each host by the first name."""
        found = grades(self.workspace, chosen(self.workspace))
        return {each.host: each.grade for each in found if each.grade and each.name == NAMES[0]}

    def orders(self) -> int:
        return authority.orders(lambda script: self.shell("ca", script))

    def trust(self) -> ssl.SSLContext:
        """Believes in what this authority signs, and in nothing else."""
        return ssl.create_default_context(cadata=self.root)

    def leaf(self, host: str, name: str) -> x509.Certificate:
        """What a visitor gets, after it was verified as a browser does it."""
        with (
            socket.create_connection((self.lab.hosts[host].address, 443), timeout=10) as plain,
            self.trust().wrap_socket(plain, server_hostname=name) as stream,
        ):
            return x509.load_der_x509_certificate(stream.getpeercert(binary_form=True) or b"")

    def ask(self, url: str, *more: str) -> tuple[int, dict[str, list[str]], str]:
        """Status, headers and protocol of an answer from the first balancer."""
        scheme, _, rest = url.partition("://")
        name, port = rest.partition("/")[0], "443" if scheme == "https" else "80"
        to = f"{name}:{port}:{self.lab.hosts['web1'].address}"
        done = subprocess.run(
            ["curl", "-sk", "--resolve", to, "-o", "/dev/null", "-w", "%{http_version} %{http_code} %{header_json}", *more, url],
            capture_output=True,
            text=True,
            check=True,
        )
        version, code, headers = done.stdout.split(" ", 2)
        return int(code), json.loads(headers), version


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    project = tmp_path_factory.mktemp("project")
    folder = project / "inventories" / NAME
    folder.mkdir(parents=True)
    (folder / "hosts.yml").write_text(INVENTORY)
    try:
        running = lab.up(lab_spec(load_environment(project, NAME)), root=labs_folder(project), say=_silent)
        api, chain, key = authority.certificate_for("ca")
        site = Site(project, running, api)
        site.settings()
        addresses = {host: [running.hosts[host].address] for host in ("web1", "web2")}
        # One name leads to each balancer, so that the second has to have the proof that the first was given.
        authority.start(lambda script: site.shell("ca", script), chain, key, dict(zip(NAMES, addresses.values(), strict=True)))
        site.api = api + site.root
        site.settings()
        assert site.setup("app").error() is None
        site.shell("app1", f"mkdir -p /srv/shop/live/run; cat > /srv/answer.py <<'END'\n{ANSWER}END")
        site.shell("app1", "systemd-run --quiet --unit=answer --property=UMask=0 python3 /srv/answer.py")
        site.first = site.issue()
        yield site
    finally:
        lab.down(NAME, root=labs_folder(project), say=_silent)


def _silent(_line: str) -> None:
    """Tests read results, not progress."""


def test_blank_hosts_serve_a_verified_certificate_after_one_run(site: Site) -> None:
    leaves = [site.leaf(host, name) for host in ("web1", "web2") for name in NAMES]

    assert site.first.new == ("shop",)
    assert len({leaf.serial_number for leaf in leaves}) == 1
    key = leaves[0].public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"


def test_the_second_run_changes_nothing(site: Site) -> None:
    serial = site.leaf("web2", NAMES[0]).serial_number

    again = site.issue()

    assert again.new == ()
    assert site.leaf("web2", NAMES[0]).serial_number == serial
    assert site.setup().changed == 0


def test_the_key_is_roots_alone_and_was_never_shown(site: Site) -> None:
    for host in ("web1", "web2"):
        file = "/etc/windlass/certificates/shop/live/privkey.pem"
        assert site.shell(host, f"stat -Lc '%a %U' {file}; stat -c %a /etc/windlass/certificates").split() == ["600", "root", "700"]
        words = site.shell(host, f"sed -n 2p {file}").strip()
        assert len(words) > 40
        assert words not in repr([dataclasses.asdict(event) for event in site.events if dataclasses.is_dataclass(event)])


def test_an_unknown_name_gets_no_certificate(site: Site) -> None:
    context = ssl._create_unverified_context()  # noqa: S323 - it is about the handshake itself
    for name in ("other.example.org", None):
        with (
            socket.create_connection((site.lab.hosts["web1"].address, 443), timeout=10) as plain,
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
    with socket.create_connection((site.lab.hosts["web1"].address, 443), timeout=10) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname=NAMES[0])


def test_a_name_that_cannot_be_reached_is_said_before_the_authority_is_asked(site: Site) -> None:
    orders = site.orders()
    site.shell("web1", "rm /etc/nginx/sites-enabled/windlass-shop.balancer.conf; systemctl restart nginx")
    workspace = site.workspace
    from windlass.flows.tls_preflight import preflight  # noqa: PLC0415

    try:
        with workspace.fleet(workspace.hosts("web")) as fleet, pytest.raises(RefusedError) as caught:
            preflight(workspace, fleet, chosen(workspace))
    finally:
        assert site.setup("web1").error() is None
        site.shell("web1", "systemctl restart nginx")  # a reload would leave old workers to the next test

    web1 = site.lab.hosts["web1"].address
    assert caught.value.last_lines[0].startswith(f"{NAMES[0]} leads to {web1} (web1): ")
    assert len(caught.value.last_lines) == 4  # the second balancer asks the first
    assert site.orders() == orders
    assert site.shell("web1", "find /var/www/acme-challenge -type f") == ""


def test_what_a_listener_serves_is_compared_with_the_disk(site: Site) -> None:
    assert error_of(status(site.workspace, chosen(site.workspace))) is None
    live = "/etc/windlass/certificates/shop/live"
    right = site.shell("web1", f"readlink {live}").strip()
    names = f"subjectAltName=DNS:{NAMES[0]},DNS:{NAMES[1]}"
    other = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout /root/k -out /root/c -days 30 -subj /CN=x -addext {names}"
    site.shell("web1", f"{other} 2>/dev/null; cp -r {live}/ /root/kept; cp /root/c {live}/fullchain.pem")
    try:
        found = {state.host: state.problem for state in status(site.workspace, chosen(site.workspace))}
    finally:
        site.shell("web1", f"cp /root/kept/fullchain.pem {live}/fullchain.pem")

    assert found == {
        "web1": f"{NAMES[0]} serves another certificate than is on disk",
        "web2": "it has another certificate than web1: invoke tls.renew",
    }
    assert site.shell("web1", f"readlink {live}").strip() == right


def test_status_as_a_command(site: Site) -> None:
    document = site.command("tls.status")

    rows = document["result"]["certificates"]["shop"]
    assert document["exit_code"] == 0
    assert [(row["host"], row["problem"]) for row in rows] == [("web1", ""), ("web2", "")]
    assert all(set(row["served"].values()) == {row["fingerprint"]} for row in rows)


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
        document = until(lambda: site.command("tls.grade"), _is_bare, 5)
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
        found = until(site.grades, lambda found: found["web1"].letter == "A", 5)
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


def test_a_renewal_reaches_both_balancers(site: Site) -> None:
    before = site.leaf("web1", NAMES[0]).serial_number

    renewed = site.renew(force=True)

    after = {site.leaf(host, NAMES[0]).serial_number for host in ("web1", "web2")}
    assert renewed.new == ("shop",)
    assert len(after) == 1
    assert before not in after


def test_the_timer_renews_nothing_that_is_not_due(site: Site) -> None:
    orders = site.orders()
    site.shell("web1", "systemctl start windlass-certificates.service")

    assert site.shell("web1", "systemctl is-active windlass-certificates.timer").strip() == "active"
    assert site.orders() == orders


def test_a_hook_that_fails_fails_the_run_and_is_tried_again_without_a_new_certificate(site: Site) -> None:
    site.settings(deploy_hooks=["test ! -e /root/broken", 'echo "$CERTIFICATE" >> /root/told'])
    assert site.setup().error() is None
    site.shell("web1", "touch /root/broken; rm -f /root/told")
    orders = site.orders()

    with pytest.raises(OperationFailed) as caught:
        site.renew(force=True)
    issued = site.orders()  # the CA refuses one nonce in ten, and certbot's second try is an order of its own
    with pytest.raises(OperationFailed):
        site.renew()
    broken = lab.run_inside(site.lab.hosts["web1"], Command.of("systemctl", "start", "windlass-certificates.service"), limit=60)
    site.shell("web1", "rm /root/broken; systemctl reset-failed windlass-certificates.service")
    renewed = site.renew()

    assert "the deploy hook failed" in "\n".join(caught.value.last_lines)
    assert broken.code != 0
    assert site.orders() == issued > orders
    assert renewed.states[0].problem == ""
    assert site.shell("web1", "cat /root/told").split() == ["shop"]
    site.settings()
    assert site.setup().error() is None


def test_a_certificate_that_nginx_refuses_is_put_back(site: Site) -> None:
    live = "readlink /etc/windlass/certificates/shop/live"
    before, serial = site.shell("web2", live), site.leaf("web2", NAMES[0]).serial_number
    source = "/etc/windlass/certificates/shop/source"
    site.shell("web2", f"openssl ecparam -name prime256v1 -genkey -noout -out {source}/privkey.pem")

    refused = lab.run_inside(
        site.lab.hosts["web2"], Command.of("/usr/local/sbin/windlass-certificates", "install", "shop"), limit=60
    )

    assert refused.code == 1
    assert b"nginx does not take the certificate shop" in refused.stderr
    assert site.shell("web2", live) == before
    site.shell("web2", "nginx -t -q; nginx -s reload")
    assert site.leaf("web2", NAMES[0]).serial_number == serial
    assert site.renew().new == ()


def test_a_site_that_nginx_refuses_is_put_back_and_the_others_never_notice(site: Site) -> None:
    own = site.project / "templates" / "nginx" / "balancer.conf.j2"
    own.parent.mkdir(parents=True)
    own.write_text("server { listen {{ port }}; no_such_directive on; }\n")
    try:
        error = site.setup("web1").error()
    finally:
        own.unlink()

    assert error is not None
    assert any("no_such_directive" in line for line in error.last_lines)
    site.shell("web1", "nginx -t -q; systemctl restart nginx")
    assert site.ask(f"https://{NAMES[0]}/200")[0] == 200
    assert site.setup("web1").error() is None
    assert site.setup("web1").changed == 0
