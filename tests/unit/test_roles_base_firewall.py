"""The roles base and firewall: people, the clock, doors."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.roles_sample import BALANCED, environment, steps, text, titles
from windlass.errors import InventoryError
from windlass.operations.authorized_key import AuthorizedKeys
from windlass.operations.commit import Guarded
from windlass.operations.file import File
from windlass.operations.operation import Operation
from windlass.operations.package import Package
from windlass.operations.service import Service
from windlass.operations.sysctl import Sysctl
from windlass.operations.user import User
from windlass.plans.topology import Surroundings

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtZmVnb3JkZXIgb2YgdGhlIHN0YXJzIGFuZCBz ada@example.org"
RULES = "/etc/windlass/firewall.nft"
SSHD = "/etc/ssh/sshd_config.d/00-windlass.conf"


def variables(yaml: str) -> str:
    return "variables:\n" + "".join(f"  {line}\n" for line in yaml.splitlines())


def doors(operations: list[Operation]) -> list[str]:
    return [line.strip() for line in text(operations, RULES).splitlines() if " counter accept " in line]


def test_people_come_with_keys_and_sudo_and_go_without_their_home(tmp_path: Path) -> None:
    people = variables(
        f'base:\n  users:\n    ada: {{keys: ["{KEY}"], groups: [adm], sudo: true}}\n    bob: {{absent: true}}\n    eve: {{}}'
    )
    wanted = steps(environment(tmp_path, people), "web1", "base")

    assert [(each.name, each.groups, each.absent, each.remove_home) for each in wanted if isinstance(each, User)] == [
        ("ada", ("adm",), False, False),
        ("bob", None, True, False),
        ("eve", (), False, False),
    ]
    assert [each for each in wanted if isinstance(each, AuthorizedKeys)] == [
        AuthorizedKeys(user="ada", keys=(KEY,), confirm_seconds=60.0)
    ]
    assert text(wanted, "/etc/sudoers.d/windlass-ada") == "ada ALL=(ALL:ALL) NOPASSWD: ALL\n"
    assert {each.path for each in wanted if isinstance(each, File | Guarded) and each.absent} == {
        "/etc/sudoers.d/windlass-bob",
        "/etc/sudoers.d/windlass-eve",
        "/etc/apt/apt.conf.d/52windlass-updates",
        SSHD,
    }
    assert "sudo" in next(each for each in wanted if isinstance(each, Package)).names


def test_a_changed_time_zone_restarts_cron_and_none_leaves_the_clock_alone(tmp_path: Path) -> None:
    there = steps(environment(tmp_path, variables("base: {time_zone: Europe/Berlin}")), "web1", "base")
    link, file = (
        each for each in there if each.title() in ("link /etc/localtime to /usr/share/zoneinfo/Europe/Berlin", "file /etc/timezone")
    )

    assert Service(name="cron", restart_on=(link, file)) in there
    assert not [
        each
        for each in steps(environment(tmp_path, variables('base: {time_zone: ""}')), "web1", "base")
        if isinstance(each, Service)
    ]


def test_security_updates_are_debians_alone_and_never_reboot(tmp_path: Path) -> None:
    wanted = steps(environment(tmp_path, variables("base: {security_updates: true}")), "web1", "base")

    assert "unattended-upgrades" in next(each for each in wanted if isinstance(each, Package)).names
    assert 'Unattended-Upgrade::Automatic-Reboot "false";' in text(wanted, "/etc/apt/apt.conf.d/52windlass-updates")


def test_a_kernel_that_is_not_the_hosts_own_is_left_alone(tmp_path: Path) -> None:
    loaded = environment(tmp_path, variables("base: {sysctl: {net.core.somaxconn: 4096}}"))

    assert Sysctl(name="net.core.somaxconn", value=4096, live=True) in steps(loaded, "web1", "base")
    assert Sysctl(name="net.core.somaxconn", value=4096, live=False) in steps(
        loaded, "web1", "base", Surroundings(own_kernel=False)
    )


def test_each_door_is_a_rule_and_each_family_of_addresses_one_of_its_own(tmp_path: Path) -> None:
    loaded = environment(tmp_path, BALANCED)

    assert doors(steps(loaded, "app2", "firewall")) == [
        'tcp dport 2222 counter accept comment "SSH"',
        'ip saddr { 198.51.100.10 } tcp dport 8080 counter accept comment "shop for its balancers"',
        'ip6 saddr { 2001:db8::11 } tcp dport 8080 counter accept comment "shop for its balancers"',
    ]


def test_further_doors_and_networks_of_ssh(tmp_path: Path) -> None:
    more = """\
firewall:
  ssh_ports: [22]
  ssh_sources: [192.0.2.0/24, 192.0.2.7, 2001:db8:1::/48]
  openings:
    - {port: 51820, protocol: udp, reason: WireGuard}
"""
    loaded = environment(tmp_path, variables(more))

    assert doors(steps(loaded, "app2", "firewall")) == [
        'ip saddr { 192.0.2.0/24, 198.51.100.10 } tcp dport 2222 counter accept comment "SSH"',
        'ip6 saddr { 2001:db8:1::/48 } tcp dport 2222 counter accept comment "SSH"',
        'ip saddr { 192.0.2.0/24, 198.51.100.10 } tcp dport 22 counter accept comment "SSH"',
        'ip6 saddr { 2001:db8:1::/48 } tcp dport 22 counter accept comment "SSH"',
        'udp dport 51820 counter accept comment "WireGuard"',
    ]
    in_lab = steps(loaded, "web1", "firewall", Surroundings(ssh_network="203.0.113.128/25"))
    assert doors(in_lab)[0] == 'ip saddr { 203.0.113.128/25 } tcp dport 22 counter accept comment "SSH"'


def test_what_containers_publish_is_open_where_the_host_itself_is_and_nowhere_else(tmp_path: Path) -> None:
    lines = text(steps(environment(tmp_path, BALANCED), "app2", "firewall"), RULES).split("chain published {")[1].splitlines()

    assert [line.strip() for line in lines if "counter " in line] == [
        'meta l4proto tcp ct original proto-dst 2222 counter return comment "SSH"',
        'ip saddr { 198.51.100.10 } meta l4proto tcp ct original proto-dst 8080 counter return comment "shop for its balancers"',
        'ip6 saddr { 2001:db8::11 } meta l4proto tcp ct original proto-dst 8080 counter return comment "shop for its balancers"',
        'counter drop comment "published by a container, but not opened"',
    ]


def test_new_connections_of_ssh_have_a_limit_for_each_address_of_both_families_unless_it_is_0(tmp_path: Path) -> None:
    limited = environment(tmp_path, variables("firewall: {ssh_per_minute: 30, ssh_ports: [22]}"))
    lines = [line for line in text(steps(limited, "app2", "firewall"), RULES).splitlines() if "limit rate" in line]

    assert [line.split(" limit ")[0].strip() for line in lines] == [
        "tcp dport { 2222, 22 } update @ssh_ip { ip saddr",
        "tcp dport { 2222, 22 } update @ssh_ip6 { ip6 saddr and ffff:ffff:ffff:ffff::",
    ]
    assert {line.split(" limit ")[1] for line in lines} == {"rate over 30/minute burst 30 packets } counter drop"}
    free = environment(tmp_path, variables("firewall: {ssh_per_minute: 0}"))
    assert "ssh_ip" not in text(steps(free, "app2", "firewall"), RULES)


@pytest.mark.parametrize("sources", ["", ", sources: [0.0.0.0/0]", ', sources: ["::/0"]', ", sources: [0.0.0.0/1, 128.0.0.0/1]"])
@pytest.mark.parametrize(("port", "store"), [(5432, "postgresql"), (6379, "redis")])
def test_a_public_store_is_a_fault_with_file_and_line(tmp_path: Path, port: int, store: str, sources: str) -> None:
    with pytest.raises(InventoryError) as caught:
        environment(tmp_path, variables(f"firewall:\n  openings:\n    - {{port: {port}{sources}, reason: x}}"))

    (line,) = caught.value.last_lines
    assert line.startswith("inventories/sample/1.yml:4: variables.firewall.openings[0]: would let ")
    assert line.endswith(f"reach {store} (port {port}): name the addresses in `sources`")


def test_a_store_may_be_open_to_named_addresses(tmp_path: Path) -> None:
    loaded = environment(
        tmp_path, variables("firewall:\n  openings: [{port: 5432, sources: [192.0.2.7, 2001:db8:1::/48], reason: reports}]")
    )

    assert doors(steps(loaded, "web1", "firewall"))[1:] == [
        'ip saddr { 192.0.2.7 } tcp dport 5432 counter accept comment "reports"',
        'ip6 saddr { 2001:db8:1::/48 } tcp dport 5432 counter accept comment "reports"',
    ]


def test_the_ssh_server_is_asked_before_any_rule_is_written(tmp_path: Path) -> None:
    wanted = titles(steps(environment(tmp_path), "app2", "firewall"))

    assert wanted.index("the SSH server's port stays open") < wanted.index(f"firewall: {RULES}, on trial")


@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        ("openings: [{port: 9100, sources: [office], reason: x}]", "should be an IP address or a network"),
        ("openings: [{port: 9100, reason: 'say \"hi\"'}]", "without quotes"),
        ("ssh_sources: [192.0.2.1/24]", "should be an IP address or a network"),
    ],
)
def test_what_nftables_would_not_understand_is_refused_before_the_first_connection(
    tmp_path: Path, setting: str, fault: str
) -> None:
    with pytest.raises(InventoryError) as caught:
        environment(tmp_path, variables(f"firewall:\n  {setting}"))

    assert fault in "\n".join(caught.value.last_lines)


def sshd(folder: Path, ssh: str) -> Guarded:
    wanted = steps(environment(folder, variables(f"base: {{ssh: {ssh}}}")), "web1", "base")
    return next(each for each in wanted if isinstance(each, Guarded) and each.guard == "sshd")


def test_sshd_is_left_alone_unless_it_is_wanted(tmp_path: Path) -> None:
    change = sshd(tmp_path, "{}")

    assert (change.path, change.absent, change.content) == (SSHD, True, "")


def test_sshd_is_changed_on_trial_in_a_file_that_is_read_first(tmp_path: Path) -> None:
    change = sshd(tmp_path, "{managed: true, users: [ada, deploy], groups: [people], confirm_seconds: 30}")

    assert [line for line in change.content.splitlines() if not line.startswith("#")] == [
        "PubkeyAuthentication yes",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin no",
        "AllowUsers ada",
        "AllowUsers deploy",
        "AllowGroups people",
        "KexAlgorithms -ecdh-sha2-nistp*,diffie-hellman-*",
        "MACs -hmac-sha1,hmac-sha1-etm@openssh.com,hmac-sha2-256,hmac-sha2-512,umac-*@openssh.com",
    ]
    assert (change.path, change.mode, change.seconds, change.absent) == (SSHD, "0600", 30.0, False)
    assert change.activate.index("sshd -T") < change.activate.index("systemctl")


def test_what_sshd_has_by_itself_is_kept_where_it_is_wanted(tmp_path: Path) -> None:
    change = sshd(tmp_path, "{managed: true, password_login: true, root_login: keys, old_algorithms: true}")

    assert change.content.splitlines()[1:] == [
        "PubkeyAuthentication yes",
        "PasswordAuthentication yes",
        "KbdInteractiveAuthentication yes",
        "PermitRootLogin prohibit-password",
    ]
    assert "PermitRootLogin without-password" in change.activate


def test_what_a_mapping_leaves_out_is_as_the_defaults_explain_it(tmp_path: Path) -> None:
    loaded = environment(tmp_path, variables("base: {ssh: {managed: true}}"))
    explained = environment(tmp_path / "plain", BALANCED)
    bare, full = (each.settings(each.host("web1"), "base").ssh for each in (loaded, explained))  # type: ignore[attr-defined]

    assert bare.model_dump() == full.model_dump() | {"managed": True}
