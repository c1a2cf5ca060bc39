"""The roles on three real hosts: foreseen, made, left alone, and there again after a boot."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.foresight import Witness, lies, surprises
from tests.unit.roles_sample import PROJECT
from windlass import lab
from windlass.flows.setup import SetupResult, setup
from windlass.flows.twin import lab_spec, labs_folder
from windlass.flows.workspace import Workspace, load_environment, open_workspace
from windlass.operations.npm import NpmPackage
from windlass.operations.wire import Batch
from windlass.values import Command

pytestmark = pytest.mark.lab

NAME = "roles"
MADE_BY_THE_DEMO = shutil.ignore_patterns("outside.yml", "secrets.sops.yml")
TABLE = "nft list table inet windlass"
ANSWER = """\
const [place, release] = process.argv.slice(2)
require('http').createServer((request, response) => {
  response.setHeader('X-Release', release)
  response.end(JSON.stringify({ release, headers: request.headers }))
}).on('upgrade', (_request, stream) => {
  stream.end('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n' + release)
}).listen(place)
"""


@dataclass(frozen=True)
class Visitor:
    """Asks for the page."""

    connection: http.client.HTTPConnection

    def ask(self, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        self.connection.request("GET", "/", headers=headers or {})
        response = self.connection.getresponse()
        body = response.read()
        return response.status, json.loads(body) if response.status == 200 else {"page": body.decode()}


@dataclass(frozen=True)
class Site:
    """The hosts, and what the first check, the first run and the second run of setup came to."""

    workspace: Workspace
    lab: lab.Lab
    foreseen: SetupResult
    first: SetupResult
    second: SetupResult
    foretold: Witness
    witnessed: Witness

    @property
    def project(self) -> Path:
        return self.workspace.project

    def shell(self, host: str, script: str) -> str:
        """What a shell script prints that runs as root on a host, without SSH."""
        answer = lab.run_inside(self.lab.hosts[host], Command.of("/bin/bash", "-ec", script), limit=300)
        assert answer.code == 0, f"{script}\n{answer.text}\n{answer.stderr.decode(errors='replace')}"
        return answer.text

    def address(self, host: str) -> str:
        return self.lab.hosts[host].address

    @contextmanager
    def visitor(self, port: int = 80) -> Iterator[Visitor]:
        """Somebody at the public's door, with one connection that is kept."""
        with closing(http.client.HTTPConnection(self.address("web1"), port, timeout=60)) as connection:
            yield Visitor(connection)

    def setup(self) -> dict[str, int]:
        """Set all hosts up as the files say now: how many operations changed something, by host."""
        result = setup(open_workspace(self.project, NAME, lab=True), self.workspace.hosts())
        assert result.error() is None
        return {name: host.changed for name, host in result.hosts.items() if host.changed}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(PROJECT / "inventories" / "lab", project / "inventories" / NAME, ignore=MADE_BY_THE_DEMO)
    _without_https(project / "inventories" / NAME)
    (project / "samples" / "tickets").mkdir(parents=True)
    try:
        running = lab.up(lab_spec(load_environment(project, NAME)), root=labs_folder(project), say=_silent)
        workspace = open_workspace(project, NAME, lab=True)
        hosts = workspace.hosts()
        foretold, witnessed = Witness(), Witness()
        yield Site(
            workspace,
            running,
            setup(workspace, hosts, check=True, listener=foretold),
            setup(workspace, hosts, listener=witnessed),
            setup(workspace, hosts),
            foretold,
            witnessed,
        )
    finally:
        lab.down(NAME, root=labs_folder(project), say=_silent)


@pytest.fixture
def released(site: Site) -> Iterator[Site]:
    """Something that answers in both slots of tickets on both hosts, blue being live; gone after the test."""
    try:
        for host in ("app1", "app2"):
            for slot in ("blue", "green"):
                serve(site, host, "tickets", f"/run/tickets/{slot}/web-0.sock", slot)
            site.shell(host, "ln -sfn slots/blue /srv/tickets/live")
        site.shell("web1", "until curl -sf -o /dev/null localhost; do sleep 0.1; done")
        yield site
    finally:
        for host in ("app1", "app2"):
            site.shell(host, "systemctl stop 'answer-*'; rm -f /srv/tickets/live /run/tickets/*/*.sock")


def serve(site: Site, host: str, user: str, place: str, release: str) -> None:
    """A program that answers at a socket or port with the release's name, as the application's user and with its umask."""
    site.shell(host, f"cat > /srv/answer.js <<'END'\n{ANSWER}END")
    unit = f"answer-{user}-{release}"
    properties = f"--uid={user} --gid={user} --property=UMask=0007 --setenv=PATH=/usr/local/bin:/usr/bin:/bin"
    site.shell(host, f"systemd-run --quiet --collect --unit={unit} {properties} node /srv/answer.js {place} {release}")
    there = f"test -S {place}" if place.startswith("/") else f"curl -s -o /dev/null localhost:{place}"
    site.shell(host, f"until {there}; do sleep 0.05; done")


def switch(site: Site, slot: str) -> None:
    for host in ("app1", "app2"):
        site.shell(host, f"ln -s slots/{slot} /srv/tickets/live.new && mv -T /srv/tickets/live.new /srv/tickets/live")


def _without_https(folder: Path) -> None:
    """One balancer, asked by its address: certificates and names have tests of their own."""
    for file, old, new in (
        ("applications.yml", r"      domains: \[tickets.*\n", ""),
        ("applications.yml", r"tls: true.*", "port: 80"),
        ("hosts.yml", r"nodejs, app\]", "nodejs, python, app]"),
        ("hosts.yml", r"web1, web2", "web1"),
        ("hosts.yml", r"  (web2|internet):.*\n.*\n", ""),
    ):
        text, count = re.subn(old, new, (folder / file).read_text())
        assert count, old
        (folder / file).write_text(text)


def _silent(_line: str) -> None:
    """Tests read results, not progress."""


def test_a_check_of_bare_hosts_foresees_everything_and_fails_nowhere(site: Site) -> None:
    assert site.foreseen.error() is None
    assert lies(site.foretold, site.witnessed) == []
    assert all(site.foreseen.hosts[name].changed > 2 * unknown for name, unknown in surprises(site.foretold).items())


def test_a_check_of_finished_hosts_says_nothing(site: Site) -> None:
    again = setup(site.workspace, site.workspace.hosts(), check=True)

    assert again.error() is None
    assert again.changed == 0


def test_the_second_run_changes_nothing_and_costs_one_round_trip_after_the_hello(site: Site) -> None:
    assert site.first.error() is None
    assert site.second.error() is None
    assert site.second.changed == 0
    assert {host.round_trips for host in site.second.hosts.values()} == {2}


def test_before_the_first_deploy_both_sites_say_that_they_are_not_there(site: Site) -> None:
    for port in (80, 4873):
        with site.visitor(port) as visitor:
            status, body = visitor.ask()
        assert (status, "Not available at the moment" in body["page"]) == (503, True)


def test_every_open_door_has_a_reason(site: Site) -> None:
    rules = {
        host: [line.split() for line in site.shell(host, TABLE).splitlines() if " counter " in line and " accept " in line]
        for host in site.lab.hosts
    }
    web1, app1, app2 = (site.address(host) for host in ("web1", "app1", "app2"))
    found = {
        host: {(line[line.index("dport") + 1], " ".join(line[2 : line.index("tcp")]).strip("{ }")) for line in lines}
        for host, lines in rules.items()
    }

    assert found == {
        "web1": {("22", ""), ("80", ""), ("4873", ""), ("5432", f"{app1}, {app2}"), ("6379", f"{app1}, {app2}")},
        "app1": {("22", ""), ("8080", web1), ("8081", web1)},
        "app2": {("22", ""), ("8080", web1)},
    }


@pytest.mark.parametrize(("host", "port"), [("web1", 5432), ("web1", 6379), ("app1", 8080), ("app2", 8080)])
def test_what_is_not_for_the_public_does_not_answer_it(site: Site, host: str, port: int) -> None:
    listening = site.shell(host, f"ss -Hltn 'sport = :{port}'")

    assert listening
    with pytest.raises(TimeoutError):
        socket.create_connection((site.address(host), port), timeout=1)


def test_other_tables_stay_and_ours_comes_back_after_a_flush(site: Site) -> None:
    ours = site.shell(
        "app2", f"nft add table inet other; systemctl reload windlass-firewall; nft list table inet other >&2; {TABLE}"
    )
    # A list that is read while rules are being loaded may show the table without them.
    loaded = f"{TABLE} 2>/dev/null | grep 'policy drop'"
    after_restart = site.shell("app2", f"systemctl restart nftables; until {loaded}; do sleep 0.1; done")
    site.shell("app2", "systemctl stop nftables; ! nft list table inet windlass 2>/dev/null")

    changed = site.setup()

    assert "policy drop" in ours
    assert "policy drop" in after_restart
    assert changed == {"app2": 1}
    assert "policy drop" in site.shell("app2", TABLE)


def test_rules_that_were_deleted_by_hand_are_loaded_again(site: Site) -> None:
    site.shell("app2", "nft delete table inet windlass")

    assert site.setup() == {"app2": 1}
    assert "policy drop" in site.shell("app2", TABLE)


def test_an_ssh_port_that_the_inventory_does_not_know_is_never_shut(site: Site) -> None:
    site.shell("app2", "echo 'Port 2200' > /etc/ssh/sshd_config.d/more.conf; nft delete table inet windlass")
    workspace = open_workspace(site.project, NAME, lab=True)
    try:
        error = setup(workspace, workspace.hosts("app2")).error()
    finally:
        site.shell("app2", "rm /etc/ssh/sshd_config.d/more.conf")

    assert error is not None
    assert error.last_lines == (
        "sshd listens on port 2200, which is neither its port in the inventory nor among firewall.ssh_ports",
    )
    site.shell("app2", "! nft list table inet windlass 2>/dev/null")
    site.setup()


def test_after_a_power_cut_everything_is_there_again_with_the_processes_that_pm2_knew(site: Site) -> None:
    pm2 = "cd / && runuser -u tickets -- env HOME=/srv/tickets PM2_HOME=/srv/tickets/.pm2 pm2"
    site.shell("app1", f"{pm2} start --name kept --interpreter none /bin/sleep -- 1000000; {pm2} save")
    for host in ("web1", "app1"):
        lab.cut_power(site.lab.hosts[host])
        lab.boot(site.lab, host, say=_silent)
        assert site.shell(host, "systemctl is-system-running --wait") == "running"
    listed = json.loads(site.shell("app1", f"{pm2} jlist"))
    kept = site.shell("app1", "systemctl status pm2-tickets | grep sleep")
    site.shell("app1", f"{pm2} delete kept; {pm2} save --force")

    assert [(each["name"], each["pm2_env"]["status"]) for each in listed] == [("kept", "online")]
    assert "/bin/sleep 1000000" in kept
    assert "policy drop" in site.shell("web1", TABLE)
    assert site.shell("web1", "ss -Hltn | awk '{print $4}'").split().count(f"{site.address('web1')}:5432") == 1
    assert site.setup() == {}


def test_a_pm2_that_is_killed_is_started_again(site: Site) -> None:
    pid = "systemctl show --property=MainPID --value pm2-tickets"
    before = site.shell("app2", pid)
    site.shell("app2", f"kill -KILL {before}; until [ $({pid}) != {before} ] && [ $({pid}) != 0 ]; do sleep 0.1; done")

    assert site.shell("app2", "systemctl is-active pm2-tickets") == "active"
    assert site.setup() == {}


def test_the_rename_of_one_link_sends_every_later_request_to_the_other_slot(released: Site) -> None:
    seen = []
    with released.visitor() as visitor:
        for slot in ("blue", "green", "blue"):
            switch(released, slot)
            seen.append({visitor.ask()[1]["release"] for _ in range(20)})

    assert seen == [{"blue"}, {"green"}, {"blue"}]


def test_the_visitor_is_known_on_the_applications_host_and_cannot_pretend(released: Site) -> None:
    address = released.lab.gateway
    pretended = {
        "X-Forwarded-For": "192.0.2.66",
        "X-Forwarded-Proto": "https",
        "X-Request-Id": "f" * 32,
        "Host": "shop.example.org:81",
    }
    with released.visitor() as visitor:
        headers = visitor.ask(pretended)[1]["headers"]
    number = headers["x-request-id"]
    rows = [
        json.loads(line)
        for host, name in (("web1", "tickets.balancer"), ("app1", "tickets"), ("app2", "tickets"))
        for line in released.shell(host, f"grep -F {number} /var/log/nginx/{name}.log || true").splitlines()
    ]

    assert [headers[name] for name in ("x-forwarded-for", "x-real-ip", "x-forwarded-proto", "host")] == [
        address,
        address,
        "http",
        "shop.example.org:81",
    ]
    assert number != "f" * 32
    assert [(row["remote"], row["status"], row["release"]) for row in rows] == [(address, 200, "blue")] * 2


def test_websockets_pass_both_servers(released: Site) -> None:
    with socket.create_connection((released.address("web1"), 80), timeout=30) as stream:
        stream.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        answer = b"".join(iter(lambda: stream.recv(4096), b""))

    assert answer.startswith(b"HTTP/1.1 101 ")
    assert answer.endswith(b"\r\n\r\nblue")


def test_a_host_whose_processes_are_gone_is_passed_over(released: Site) -> None:
    released.shell("app1", "systemctl stop 'answer-*'")

    with released.visitor() as visitor:
        assert {visitor.ask()[0] for _ in range(20)} == {200}


def test_an_application_known_by_port_is_found_through_its_file(site: Site) -> None:
    try:
        serve(site, "app1", "verdaccio", "4875", "green")
        file = "/srv/verdaccio/slots/green/upstream.conf"
        site.shell("app1", f"echo 'server 127.0.0.1:4875;' > {file}; ln -sfn slots/green /srv/verdaccio/live; nginx -s reload")
        site.shell("web1", "until curl -sf -o /dev/null localhost:4873; do sleep 0.1; done")

        with site.visitor(4873) as visitor:
            _status, body = visitor.ask()

        assert (body["release"], body["headers"]["host"]) == ("green", f"{site.address('web1')}:4873")
    finally:
        site.shell(
            "app1", "systemctl stop 'answer-*'; rm -f /srv/verdaccio/live /srv/verdaccio/slots/green/upstream.conf; nginx -s reload"
        )


def test_the_site_of_an_application_that_is_gone_goes_too(site: Site) -> None:
    environment = site.workspace.environment
    fewer = {name: each for name, each in environment.applications.items() if name != "verdaccio"}
    workspace = replace(site.workspace, environment=replace(environment, applications=fewer))
    names = "ls /etc/nginx/sites-available /etc/nginx/sites-enabled | grep windlass | sort -u"
    try:
        result = setup(workspace, workspace.hosts("web1,app1"))

        assert result.error() is None
        assert site.shell("web1", names).split() == ["windlass-tickets.balancer.conf"]
        assert site.shell("app1", names).split() == ["windlass-tickets.conf"]
        site.shell("web1", "until ! ss -Hltn 'sport = :4873' | grep -q .; do sleep 0.1; done")
    finally:
        site.setup()
    assert len(site.shell("web1", names).split()) == 2


def test_the_applications_hosts_log_in_to_their_database_and_nobody_else(site: Site) -> None:
    site.shell("app1", "command -v psql >/dev/null || apt-get install -qqy postgresql-client-15 >/dev/null 2>&1")
    password = site.workspace.secrets.get("tickets_database_password").reveal()

    def login(host: str, word: str, database: str = "tickets") -> str:
        """What psql prints, its complaint included; the password travels in the environment."""
        place = f"host={site.address('web1')} user=tickets dbname={database}"
        return site.shell(host, f"cd /; PGPASSWORD={word} psql -Atc 'select current_user' '{place}' 2>&1 || true")

    assert login("app1", password) == "tickets"
    assert "password authentication failed" in login("app1", "wrong")
    assert "no pg_hba.conf entry" in login("app1", password, "postgres")
    assert "no pg_hba.conf entry" in login("web1", password)


def test_redis_answers_the_applications_hosts(site: Site) -> None:
    assert site.shell("app2", "exec 3<>/dev/tcp/web1/6379; printf 'PING\\r\\n' >&3; head -c 5 <&3") == "+PONG"
    assert site.shell("web1", "redis-cli config get maxmemory-policy | tail -1") == "noeviction"


def test_a_new_password_is_one_change_and_counts_at_once(site: Site) -> None:
    secrets = site.project / ".windlass" / "secrets" / f"{NAME}-lab.yml"
    before = secrets.read_text()
    secrets.write_text('tickets_database_password: "another-84"\n')
    try:
        assert site.setup() == {"web1": 1}
        assert site.shell("web1", "cd /; PGPASSWORD=another-84 psql -h 127.0.0.1 -U tickets -Atc 'select 1' tickets") == "1"
        assert site.setup() == {}
    finally:
        secrets.write_text(before)
        site.setup()


def test_a_setting_that_needs_no_restart_causes_none(site: Site) -> None:
    variables = site.project / "inventories" / NAME / "variables.yml"
    before = variables.read_text()
    defaults = yaml.safe_load((PROJECT / "roles/postgresql/defaults.yml").read_text())["parameters"]
    pid = "head -1 /var/lib/postgresql/15/main/postmaster.pid"
    started = site.shell("web1", pid)
    shown = "cd /; runuser -u postgres -- psql -Atc 'show {}'"

    def given(**more: str) -> dict[str, int]:
        values = yaml.safe_load(before)
        values["variables"]["postgresql"]["parameters"] = defaults | more
        variables.write_text(yaml.safe_dump(values))
        return site.setup()

    try:
        assert given(work_mem="8MB") == {"web1": 2}
        site.shell("web1", f'until [ "$({shown.format("work_mem")})" = 8MB ]; do sleep 0.1; done')
        assert site.shell("web1", pid) == started
        assert given(work_mem="8MB", max_connections="90") == {"web1": 2}
        assert site.shell("web1", shown.format("max_connections")) == "90"
    finally:
        variables.write_text(before)
        site.setup()


def test_packages_of_npm_come_in_their_version_and_go(site: Site) -> None:
    older, newer = (NpmPackage(names=(f"is-number@{version}",)) for version in ("6", "7.0.0"))
    gone = NpmPackage(names=("is-number",), absent=True)
    with site.workspace.fleet(["app1"]) as fleet:
        results = fleet.channel("app1").run(Batch((older, older, newer, newer, gone, gone), go_on=True))

    summaries = ["install is-number@6", "", "install is-number@7.0.0", "", "remove is-number", ""]
    assert [(result.summary, result.message) for result in results] == [(summary, "") for summary in summaries]
    assert results[2].diff == "+is-number@7.0.0 (now 6.0.0)"


def test_logs_are_rotated_without_a_word_to_the_processes(site: Site) -> None:
    script = """
        printf 'line\\n' | runuser -u tickets -- tee /var/log/tickets/blue-web-0.log >/dev/null
        logrotate --force /etc/logrotate.d/windlass-tickets
        stat -c '%s %U' /var/log/tickets/blue-web-0.log
        cat /var/log/tickets/blue-web-0.log.1
        rm /var/log/tickets/*
    """

    assert site.shell("app1", script).splitlines() == ["0 tickets", "line"]
