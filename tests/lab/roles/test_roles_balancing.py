"""The way of a request through the servers that the roles made."""

from __future__ import annotations

import json
import socket
from dataclasses import replace

import pytest

from tests.lab.roles.place import Site, serve
from windlass.flows.setup import setup

pytestmark = pytest.mark.lab


def switch(site: Site, slot: str) -> None:
    for host in ("app1", "app2"):
        site.shell(host, f"ln -s slots/{slot} /srv/tickets/live.new && mv -T /srv/tickets/live.new /srv/tickets/live")


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


def test_for_ports_the_rename_of_one_link_does_it_too(site: Site) -> None:
    try:
        for slot, port in (("green", "4875"), ("blue", "4876")):
            serve(site, "app1", "verdaccio", port, slot)
            site.shell("app1", f"echo 'server 127.0.0.1:{port};' > /srv/verdaccio/slots/{slot}/upstream.conf")
        site.shell("app1", "ln -sfn slots/green /srv/verdaccio/live; nginx -s reload")
        site.shell("web1", "until curl -sf -o /dev/null localhost:4873; do sleep 0.1; done")
        workers = site.shell("app1", "pgrep -f '[n]ginx: worker'")

        seen = []
        with site.visitor(4873) as visitor:
            for slot in ("green", "blue", "green"):
                site.shell(
                    "app1", f"ln -s slots/{slot} /srv/verdaccio/live.new && mv -T /srv/verdaccio/live.new /srv/verdaccio/live"
                )
                bodies = [visitor.ask()[1] for _ in range(20)]
                seen.append({(body["release"], body["headers"]["host"]) for body in bodies})

        host = f"{site.address('web1')}:4873"
        assert seen == [{("green", host)}, {("blue", host)}, {("green", host)}]
        assert set(site.shell("app1", "pgrep -f '[n]ginx: worker'").split()) <= set(workers.split())  # it loaded nothing
    finally:
        site.shell(
            "app1", "systemctl stop 'answer-*'; rm -f /srv/verdaccio/live /srv/verdaccio/slots/*/upstream.conf; nginx -s reload"
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
