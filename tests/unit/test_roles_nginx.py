"""The role nginx: which sites a host gets, and what stands in them."""

from __future__ import annotations

from pathlib import Path

from tests.unit.roles_sample import ALONE, APPLICATION, BALANCED, environment, steps, text
from windlass.operations.nginx import NginxSite, NginxSites
from windlass.operations.operation import Operation

SITES = "/etc/nginx/sites-available"
MAIN = "/etc/nginx/nginx.conf"


def lines(operations: list[Operation], file: str) -> list[str]:
    return [line.strip() for line in text(operations, f"{SITES}/{file}").splitlines()]


def sites(operations: list[Operation]) -> tuple[NginxSite, ...]:
    return next(each.sites for each in operations if isinstance(each, NginxSites))


def test_on_its_own_host_a_site_asks_the_live_sockets_and_keeps_no_connection(tmp_path: Path) -> None:
    site = lines(steps(environment(tmp_path, ALONE), "app1", "nginx"), "windlass-shop.conf")

    assert [line for line in site if line.startswith("server unix")] == [
        "server unix:/srv/shop/live/run/web-0.sock max_fails=0;",
        "server unix:/srv/shop/live/run/web-1.sock max_fails=0;",
    ]
    assert [line for line in site if line.startswith("keepalive")] == []
    assert [line for line in site if line.startswith(("listen", "server_name"))] == [
        "listen 80 default_server;",
        "listen [::]:80 default_server;",
        "server_name _;",
    ]
    assert "error_page 502 = @unavailable;" in site


def test_behind_balancers_it_takes_their_word_for_the_visitor_and_leaves_the_page_to_them(tmp_path: Path) -> None:
    wanted = steps(environment(tmp_path, BALANCED), "app1", "nginx")
    site = lines(wanted, "windlass-shop.conf")

    assert [line for line in site if line.startswith(("listen", "set_real_ip_from", "error_page"))] == [
        "listen 8080;",
        "listen [::]:8080;",
        "set_real_ip_from 198.51.100.10;",
        "set_real_ip_from 2001:db8::11;",
    ]
    assert "8080 1;" in [line.strip() for line in text(wanted, MAIN).splitlines()]


def test_a_balancer_asks_the_applications_hosts_and_trusts_nobody(tmp_path: Path) -> None:
    wanted = steps(environment(tmp_path, BALANCED), "web1", "nginx")
    site = lines(wanted, "windlass-shop.balancer.conf")

    assert [line for line in site if line.startswith(("server ", "hash"))] == [
        "server 198.51.100.21:8080 max_fails=3 fail_timeout=2s;",
        "server [2001:db8::22]:8080 max_fails=3 fail_timeout=2s;",
        "server {",
    ]
    assert "proxy_next_upstream error timeout http_502;" in site
    assert "server_name shop.example.org www.example.org;" in site
    assert " 1;" not in text(wanted, MAIN).partition("map $server_port")[2].partition("}")[0]


def test_sticky_visitors_are_told_apart_by_their_address(tmp_path: Path) -> None:
    loaded = environment(tmp_path, BALANCED.replace("site: {", "site: {sticky: true, "))

    assert "hash $remote_addr consistent;" in lines(steps(loaded, "web1", "nginx"), "windlass-shop.balancer.conf")


def test_an_application_known_by_port_is_included_and_need_not_be_there_yet(tmp_path: Path) -> None:
    by_port = ALONE.replace("listen: socket, instances: 2", "listen: port, ports: {blue: 4001, green: 4002}")
    site = lines(steps(environment(tmp_path, by_port), "app1", "nginx"), "windlass-shop.conf")

    for slot in ("blue", "green"):
        first = site.index(f"upstream shop.{slot} {{")
        assert site[first + 2 : first + 5] == [
            "server unix:/nonexistent.sock down;",
            f"include /srv/shop/slots/{slot}/upstream[.]conf;",
            "}",
        ]
    first = site.index("map $windlass_slot $windlass_shop_servers {")
    assert site[first + 1 : first + 4] == ["default shop.blue;", "green shop.green;", "}"]
    assert "proxy_pass http://$windlass_shop_servers;" in site


def test_unknown_names_get_no_answer_only_where_every_site_has_a_name(tmp_path: Path) -> None:
    named = steps(environment(tmp_path, BALANCED), "web1", "nginx")
    unnamed = steps(environment(tmp_path, ALONE), "app1", "nginx")

    assert [line for line in lines(named, "windlass.unknown.conf") if line.startswith(("listen", "return"))] == [
        "listen 80 default_server;",
        "listen [::]:80 default_server;",
        "return 444;",
    ]
    assert [file.path for file in sites(unnamed)[0].files] == ["nginx.conf"]


def test_without_ipv6_nothing_listens_there(tmp_path: Path) -> None:
    wanted = steps(environment(tmp_path, BALANCED, "variables: {nginx: {ipv6: false}}\n"), "web1", "nginx")

    assert "[::]" not in "".join(lines(wanted, "windlass-shop.balancer.conf") + lines(wanted, "windlass.unknown.conf"))


def test_all_files_of_an_application_are_one_site_and_every_name_is_asked(tmp_path: Path) -> None:
    secure = BALANCED.replace("site: {", "site: {tls: true, ")
    group = "groups: {edge: {hosts: [web1, web2], roles: [certificates]}}\n"
    common, shop = sites(steps(environment(tmp_path, secure, group), "web1", "nginx"))

    assert common.name == "all sites"
    assert [file.path for file in common.files if not file.kinds] == ["nginx.conf", "sites-available/windlass.unknown.conf"]
    assert [file.kinds for file in common.files if file.kinds] == [("listen",), ("directive",), ("hybrid",)]
    assert [(file.path, file.enabled) for file in shop.files] == [
        ("sites-available/windlass-shop.balancer.conf", True),
        ("sites-available/windlass-shop.tls.conf", False),
    ]
    assert [(probe.port, probe.name, probe.certificate) for probe in shop.probes] == [
        (80, "shop.example.org", ""),
        (80, "www.example.org", ""),
        (443, "shop.example.org", "/etc/windlass/certificates/shop/live/fullchain.pem"),
        (443, "www.example.org", "/etc/windlass/certificates/shop/live/fullchain.pem"),
    ]


def test_an_application_without_a_name_is_asked_by_any(tmp_path: Path) -> None:
    _common, shop = sites(steps(environment(tmp_path, ALONE), "app1", "nginx"))

    assert [(probe.port, probe.name) for probe in shop.probes] == [(80, "")]


def test_an_application_without_a_site_is_none_of_nginx_business(tmp_path: Path) -> None:
    silent = f"applications:\n  shop:\n    hosts: app1\n{APPLICATION}"

    assert [site.name for site in sites(steps(environment(tmp_path, silent), "app1", "nginx"))] == ["all sites"]
