"""The compiled rules on three real hosts, seen from outside and from each other, in both families of addresses."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.unit.sample_project import run_tasks
from windlass import lab
from windlass.agent.core import scanner
from windlass.flows.edge.firewall import Exposure, Ports, check, compiled_for
from windlass.flows.setup import setup
from windlass.flows.steps import all_of
from windlass.flows.twin import lab_spec, labs_folder
from windlass.flows.workspace import Workspace, load_environment, open_workspace
from windlass.hosts.channel import Channel
from windlass.lab import ipv6
from windlass.operations.scan import Scan
from windlass.plans.exposure import Seen, differences
from windlass.testing.lab import shell
from windlass.values import Command

pytestmark = pytest.mark.lab

NAME = "firewall"
HOSTS = """\
environment: {user: deploy}
hosts:
  web1: {address: 192.0.2.10}
  app1: {address: 192.0.2.11}
  data1: {address: 192.0.2.12}
groups:
  all: {roles: [firewall]}
  data: {hosts: [data1], roles: [redis]}
applications:
  shop:
    hosts: app1
    source: {npm: sample, version: 1.0.0}
    processes: {web: {command: serve, listen: socket}}
    site: {balancer: web1, local_port: 88, domains: [shop.example.org]}
secrets: {redis_password: {description: made up}}
variables: {redis: {password: {secret: redis_password}}}
"""
SERVER = "import http.server,socket;http.server.HTTPServer.address_family=socket.AF_INET6;http.server.test(port={port},bind='::')"
LISTEN = {"web1": (80,), "app1": (88, 99), "data1": (6379,)}
# The kernel remembers each attempt for minutes, for all hosts of the lab together: so not all 65,535 of all of them.
FEW = Ports(1, 100)
STORE = Ports(6300, 6400)


@dataclass(frozen=True)
class Place:
    """The hosts, set up, with what they listen for."""

    workspace: Workspace
    lab: lab.Lab
    six: dict[str, str]

    def shell(self, host: str, script: str) -> str:
        return shell(self.lab.hosts[host], script)

    def check(self, ports: Ports = FEW, limit: str = "") -> dict[str, Exposure]:
        return dict(check(self.workspace, self.workspace.hosts(limit), ports=ports).hosts)


def listen(place: Place, host: str, port: int) -> None:
    command = SERVER.format(port=port)
    place.shell(host, f'systemd-run --quiet --collect --unit=listen-{port} python3 -c "{command}"')
    place.shell(host, f"until ss -Hltn 'sport = :{port}' | grep -q .; do sleep 0.05; done")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    project = tmp_path_factory.mktemp("project")
    (project / "inventories" / NAME).mkdir(parents=True)
    (project / "inventories" / NAME / "hosts.yml").write_text(HOSTS)
    try:
        running = lab.up(lab_spec(load_environment(project, NAME)), root=labs_folder(project), say=lambda _line: None)
        made = Place(open_workspace(project, NAME, lab=True), running, ipv6.give(running))
        for host, ports in LISTEN.items():
            for port in ports:
                listen(made, host, port)
        result = setup(made.workspace, made.workspace.hosts(), roles=("firewall",))
        assert result.error() is None
        yield made
    finally:
        lab.down(NAME, root=labs_folder(project), say=lambda _line: None)


def looks(exposure: Exposure) -> dict[tuple[str, bool], set[int]]:
    """The open ports by who looked and whether it was over IPv6."""
    return {(each.viewer, ":" in each.address): set(each.open) for each in exposure.seen}


def test_what_is_open_is_exactly_what_was_compiled_but_for_the_families_that_it_was_not_compiled_for(place: Place) -> None:
    found = place.check(limit="web1,app1") | place.check(Ports(1, 6400), limit="data1")

    assert {name: exposure.differences for name, exposure in found.items()} == {"web1": (), "app1": (), "data1": ()}
    assert {name: exposure.blind for name, exposure in found.items()} == {"web1": (), "app1": (), "data1": ()}
    public, shop, store = looks(found["web1"]), looks(found["app1"]), looks(found["data1"])
    assert public == {(viewer, six): {22, 80} for viewer in ("", "app1", "data1") for six in (False, True)}
    assert (shop[("web1", False)], shop[("web1", True)], shop[("", False)], shop[("data1", False)]) == (
        {22, 88},
        {22},
        {22},
        {22},
    )
    assert (store[("app1", False)], store[("app1", True)], store[("", False)], store[("web1", False)]) == (
        {22, 6379},
        {22},
        {22},
        {22},
    )


def test_a_door_opened_by_hand_and_a_service_that_is_gone_are_both_found(place: Place) -> None:
    place.shell("app1", "nft insert rule inet windlass input tcp dport 99 accept")
    place.shell("data1", "systemctl stop listen-6379")
    try:
        found = place.check(limit="app1") | place.check(STORE, limit="data1")
    finally:
        place.shell("app1", "systemctl reload windlass-firewall")
        listen(place, "data1", 6379)

    opened = {(each.viewer, each.port, each.kind, each.reason) for each in found["app1"].differences}
    assert opened == {(viewer, 99, "open", "nothing in the inventory asks for it") for viewer in ("", "web1", "data1")}
    closed = [(each.viewer, each.port, each.kind, each.reason) for each in found["data1"].differences]
    assert closed == [("app1", 6379, "closed", "compiled for redis for the applications")]


DOCKER = """
table ip docker-like {
    chain prerouting {
        type nat hook prerouting priority dstnat; policy accept;
        fib daddr type local tcp dport { PORTS } dnat to 172.31.7.2
    }
}
table ip6 docker-like {
    chain prerouting {
        type nat hook prerouting priority dstnat; policy accept;
        fib daddr type local tcp dport { PORTS } dnat to fd00:31:7::2
    }
}
"""
CONTAINER = """
ip netns add box
ip link add ctr0 type veth peer name eth0 netns box
ip address add 172.31.7.1/24 dev ctr0; ip -6 address add fd00:31:7::1/64 dev ctr0 nodad; ip link set ctr0 up
ip -n box address add 172.31.7.2/24 dev eth0; ip -n box -6 address add fd00:31:7::2/64 dev eth0 nodad; ip -n box link set eth0 up
ip -n box route add default via 172.31.7.1; ip -n box -6 route add default via fd00:31:7::1
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
systemctl stop listen-88
"""
GONE = """
ip netns delete box
nft delete table ip docker-like; nft delete table ip6 docker-like
"""
FLOOD = """
import socket
for _ in range(400):
    try:
        socket.create_connection(("{address}", 22), 0.5).close()
    except OSError:
        print("dropped")
        break
"""


def publish(place: Place, *ports: int) -> None:
    """A container on app1, made and published as Docker does it; port 88 of the host itself is shut meanwhile."""
    place.shell("app1", CONTAINER)
    for port in ports:
        program = SERVER.format(port=port)
        place.shell("app1", f'systemd-run --quiet --collect --unit=box-{port} ip netns exec box python3 -c "{program}"')
        place.shell("app1", f"until ip netns exec box ss -Hltn 'sport = :{port}' | grep -q .; do sleep 0.05; done")
    rules = DOCKER.replace("PORTS", ", ".join(map(str, ports)))
    place.shell("app1", f"nft -f - <<'END'\n{rules}END")


def withdraw(place: Place, *ports: int) -> None:
    place.shell("app1", f"systemctl stop {' '.join(f'box-{port}' for port in ports)}; {GONE}")
    listen(place, "app1", 88)


def reached(place: Place, viewer: str, address: str, port: int) -> bool:
    look = f"import socket; socket.create_connection(('{address}', {port}), 1.5)"
    return lab.run_inside(place.lab.hosts[viewer], Command.of("python3", "-c", look)).code == 0


def test_what_a_container_publishes_is_open_to_those_only_who_were_compiled_in(place: Place) -> None:
    """Published as Docker does it, in tables of its own: they stay, and what they let by is dropped all the same."""
    publish(place, 6380, 88)
    four = place.lab.hosts["app1"].address
    try:
        seen = {
            (viewer, port): (reached(place, viewer, four, port), reached(place, viewer, place.six["app1"], port))
            for viewer in ("web1", "data1")
            for port in (6380, 88)
        }
        place.shell("app1", "nft delete table inet windlass")
        bare = [reached(place, "data1", address, 6380) for address in (four, place.six["app1"])]
        place.shell("app1", "systemctl reload windlass-firewall; nft list table ip docker-like; nft list table ip6 docker-like")
    finally:
        withdraw(place, 6380, 88)

    assert seen == {
        ("web1", 6380): (False, False),
        ("web1", 88): (True, False),
        ("data1", 6380): (False, False),
        ("data1", 88): (False, False),
    }
    assert bare == [True, True]  # without our rules it would have been reached: the test can fail


HAND = """
nft insert rule inet windlass input tcp dport 47001 accept
nft insert rule inet windlass published meta l4proto tcp ct original proto-dst 47002 return
"""
EVERY = range(1, 65536)


def test_of_all_ports_those_opened_by_hand_and_the_one_that_is_gone_are_found_and_no_other(place: Place) -> None:
    """All 65,535, from outside over IPv6 and from another host over IPv4: each family in one direction, for the sake of time."""
    listen(place, "app1", 47001)
    publish(place, 47002)
    place.shell("app1", HAND)
    four, six = place.lab.hosts["app1"].address, place.six["app1"]
    try:
        with place.workspace.fleet(["web1"]) as fleet, ThreadPoolExecutor(1) as here:
            outside = here.submit(scanner.scan, six, EVERY, 1.5)
            found = all_of(fleet.run_same(["web1"], [Scan(addresses=(four,))]))["web1"][0].data["scans"][0]
            seen = [
                Seen("app1", six, "", scanner.source_towards(six), tuple(outside.result())),
                Seen("app1", four, "web1", found["source"], tuple(found["open"])),
            ]
    finally:
        withdraw(place, 47002)
        place.shell("app1", "systemctl stop listen-47001; systemctl reload windlass-firewall")

    compiled = compiled_for(place.workspace, place.workspace.hosts("app1"))["app1"]
    assert {(each.viewer, each.port, each.kind) for each in differences(compiled, seen)} == {
        *((viewer, port, "open") for viewer in ("", "web1") for port in (47001, 47002)),
        ("web1", 88, "closed"),
    }
    assert [set(each.open) for each in seen] == [{22, 47001, 47002}] * 2


def test_thirty_logins_in_a_row_are_let_in_and_hundreds_are_not(place: Place) -> None:
    place.shell("web1", "systemctl reload windlass-firewall")
    (target,) = place.workspace.targets(["web1"])
    for _ in range(30):
        Channel(target).close()

    program = FLOOD.format(address=place.lab.hosts["web1"].address)
    flood = lab.run_inside(place.lab.hosts["app1"], Command.of("python3", "-c", program), limit=120)

    assert flood.text == "dropped"
    Channel(target).close()  # who floods keeps nobody else out
    assert socket.create_connection((target.address, target.port), 60).close() is None


def test_the_tasks_plan_apply_explain_and_check(place: Place) -> None:
    project = place.workspace.project
    place.shell("app1", "sed -i '/for its balancers/d' /etc/windlass/firewall.nft; nft -f /etc/windlass/firewall.nft")

    plan = json.loads(run_tasks(project, "firewall.plan", "--env", NAME, "--lab", "--json").stdout)
    missing = run_tasks(project, "firewall.check", "--env", NAME, "--lab", "--json", "--limit", "app1", "--ports", "80-100")
    applied = json.loads(run_tasks(project, "firewall.apply", "--env", NAME, "--lab", "--json").stdout)
    right = run_tasks(project, "firewall.check", "--env", NAME, "--lab", "--limit", "app1", "--ports", "80-100")
    few = ("--limit", "app1", "--ports", "80-100", "--json")
    views = [run_tasks(project, "firewall.check", "--env", NAME, "--lab", *few, "--from", who) for who in ("outside", "data1")]
    explained = run_tasks(project, "firewall.explain", "--env", NAME, "--lab", "--limit", "app1")

    assert (plan["result"]["changed"], plan["hosts"]["app1"]["status"]) == (1, "changed")
    assert (missing.returncode, json.loads(missing.stdout)["result"]["hosts"]["app1"]["differences"]) == (
        1,
        [
            {
                "from": "web1",
                "address": place.lab.hosts["app1"].address,
                "port": 88,
                "is": "closed",
                "why": "compiled for shop for its balancers",
            }
        ],
    )
    assert (applied["exit_code"], applied["result"]["changed"]) == (0, 1)
    assert right.returncode == 0, right.stderr
    assert "exactly what was compiled is open" in right.stdout
    viewers = [{seen["from"] for seen in json.loads(each.stdout)["result"]["hosts"]["app1"]["seen"]} for each in views]
    assert viewers == [{"outside"}, {"data1"}]
    assert f"web1 ({place.lab.hosts['web1'].address})" in explained.stdout


SHUT = """\
table inet windlass
delete table inet windlass
table inet windlass {
    chain input {
        type filter hook input priority filter; policy drop;
        ct state established accept
    }
}
"""


def loaded(place: Place) -> dict[str, str]:
    """The rules of all hosts, as file and in the kernel."""
    script = "sha256sum /etc/windlass/firewall.nft; nft --stateless --terse list table inet windlass"
    return {host: place.shell(host, script) for host in place.six}


def test_rules_that_shut_us_out_are_taken_back_and_the_other_hosts_are_left_alone(place: Place) -> None:
    project = place.workspace.project
    before = loaded(place)
    inventory, template = project / "inventories" / NAME / "hosts.yml", project / "templates" / "firewall" / "rules.nft.j2"
    template.parent.mkdir(parents=True)
    inventory.write_text(HOSTS.replace("variables: {", "variables: {firewall: {confirm_seconds: 5}, "))
    template.write_text(SHUT)
    try:
        done = json.loads(run_tasks(project, "firewall.apply", "--env", NAME, "--lab", "--json").stdout)
    finally:
        inventory.write_text(HOSTS)
        template.unlink()

    hosts = done["error"]["hosts"]
    assert done["exit_code"] == 1
    assert "would have locked us out of web1" in hosts["web1"]
    assert "the old one is back and the host answers" in hosts["web1"]
    assert (hosts["app1"], hosts["data1"]) == ("not touched", "not touched")
    assert loaded(place) == before
