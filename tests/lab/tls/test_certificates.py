"""From blank hosts to certificates that both balancers serve: asked, renewed, refused, broken, put right."""

from __future__ import annotations

import dataclasses

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.lab.foresight import Witness, lies
from tests.lab.role_turns import TLS, compare
from tests.lab.tls.place import NAMES, Site
from windlass import lab
from windlass.errors import OperationFailed, RefusedError
from windlass.flows.edge.tls import chosen, error_of, status
from windlass.flows.edge.tls_preflight import preflight
from windlass.values import Command

pytestmark = pytest.mark.lab


def test_blank_hosts_serve_a_verified_certificate_after_one_run(site: Site) -> None:
    leaves = [site.leaf(host, name) for host in ("web1", "web2") for name in NAMES]

    assert site.first.new == ("shop",)
    assert len({leaf.serial_number for leaf in leaves}) == 1
    key = leaves[0].public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"


def test_a_check_of_blank_hosts_foresees_what_that_run_did(site: Site) -> None:
    done = Witness()
    for event in site.events:
        done(event)
    for host, foreseen in site.foretold.seen.items():
        del done.seen[host][len(foreseen) :]  # what follows is not the roles'

    assert set(site.foretold.seen) == {"web1", "web2"}
    assert lies(site.foretold, Witness({host: done.seen[host] for host in site.foretold.seen})) == []


def test_a_check_says_what_other_settings_change(site: Site) -> None:
    try:
        for turn in TLS:
            compare(site.workspace, turn, {})
    finally:
        compare(site.workspace, dataclasses.replace(TLS[-1], settings={}), {})


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


def test_a_name_that_cannot_be_reached_is_said_before_the_authority_is_asked(site: Site) -> None:
    orders = site.orders()
    site.shell("web1", "rm /etc/nginx/sites-enabled/windlass-shop.balancer.conf; systemctl restart nginx")
    workspace = site.workspace

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


AWAY = "nft 'add table inet away; add chain inet away out { type filter hook output priority 0; }; add rule inet away out %s'"


def test_an_authority_that_cannot_be_reached_is_said_before_it_is_waited_for(site: Site) -> None:
    site.shell("web1", AWAY % "tcp dport 14000 drop")
    workspace = site.workspace

    try:
        with workspace.fleet(workspace.hosts("web")) as fleet, pytest.raises(RefusedError) as caught:
            preflight(workspace, fleet, chosen(workspace))
    finally:
        site.shell("web1", "nft delete table inet away")

    assert "web1 cannot reach the authority" in caught.value.message
    assert "timed out" in caught.value.last_lines[0]
    assert "port 443" in caught.value.hint


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
