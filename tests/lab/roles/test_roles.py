"""The roles on three real hosts: foreseen, made, left alone, and each door with its reason."""

from __future__ import annotations

import socket

import pytest

from tests.lab.foresight import lies, surprises
from tests.lab.roles.place import NAME, TABLE, Site
from windlass.flows.setup import setup
from windlass.flows.workspace import open_workspace

pytestmark = pytest.mark.lab


def test_a_check_of_bare_hosts_foresees_everything_and_fails_nowhere(site: Site) -> None:
    """And of one that has its packages already."""
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
