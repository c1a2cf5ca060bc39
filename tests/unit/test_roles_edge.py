"""What nginx is given for sites with all their settings: read by gixy, and compared with what they mean."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.unit.roles_sample import APPLICATION, environment, steps
from windlass.operations.nginx import NginxSite, NginxSites

SITES = f"""\
applications:
  shop:
    hosts: app
{APPLICATION}
    site:
      balancer: web
      domains: [shop.example.org, www.example.org]
      tls: true
      canonical: true
      redirects: {{/old: /new, /away: {{to: "https://else.example.org/x?y=1", permanent: false}}}}
      headers: {{X-Frame-Options: "", Content-Security-Policy: "default-src 'self'; img-src *"}}
      cors: {{origins: ["https://a.example.org"], credentials: true}}
      rate: 20r/s
      paths: {{/uploads: {{max_body: 200m, rate: 1r/m, burst: 3}}, /api: {{max_body: 1m}}}}
  open-data:
    hosts: app
{APPLICATION.replace("listen: socket, instances: 2", "listen: port, ports: {blue: 4001, green: 4002}")}
    site: {{balancer: web, port: 8088, local_port: 8089, cors: {{origins: ["*"]}}, compress: false}}
  pages:
    hosts: app
    source: {{npm: pages, version: 1.0.0}}
    static: dist
    site: {{balancer: web, port: 8090, local_port: 8091, rate: 5r/s}}
  export:
    hosts: web1
    source: {{npm: export, version: 1.0.0}}
    static: {{folder: out, assets: _next/static, fallback: ""}}
    site: {{domains: [pages.example.org], tls: true}}
groups: {{edge: {{hosts: [web1, web2], roles: [certificates]}}}}
"""


def sites(folder: Path, host: str) -> tuple[NginxSite, ...]:
    wanted = steps(environment(folder, SITES), host, "nginx")
    return next(each.sites for each in wanted if isinstance(each, NginxSites))


def lines(folder: Path, host: str, file: str) -> list[str]:
    files = [each for site in sites(folder, host) for each in site.files]
    found = next(each for each in files if each.path == f"sites-available/windlass-{file}.conf")
    return [line.strip() for line in found.content.splitlines()]


def on_disk(folder: Path, found: tuple[NginxSite, ...], kind: str) -> Path:
    """The files as a host of this kind has them, in a folder of their own, https included."""
    etc = folder / "etc"
    for file in [each for site in found for each in site.files if kind in (each.kinds or (kind,))]:
        text = file.content.replace("/etc/nginx/", f"{etc}/")
        name = file.path.rpartition("/")[2]
        for application in ("shop", "export"):
            live = f"/etc/windlass/certificates/{application}/live/site[.]conf"
            text = text.replace(live, f"{etc}/sites-available/windlass-{application}.tls.conf")
        places = [etc / file.path, *([etc / "sites-enabled" / name] if file.enabled and "/" in file.path else [])]
        for place in places:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
    (etc / "mime.types").write_text("types {\n\ttext/html html;\n}\n")
    return etc / "nginx.conf"


def gixy(*configurations: Path) -> subprocess.CompletedProcess[str]:
    """What it says of several; it takes longer to begin than to read them.

    It does not see that a variable which says where to ask can only hold names of upstreams.
    """
    skips = "try_files_is_evil_too,missing_resolver"
    program = [str(Path(sys.executable).with_name("gixy")), "--skips", skips, *map(str, configurations)]
    return subprocess.run(program, capture_output=True, text=True, check=False)


def test_gixy_finds_nothing_in_any_kind_of_site(tmp_path: Path) -> None:
    kinds = (("web1", "listen"), ("web1", "directive"), ("app1", "listen"))

    done = gixy(*(on_disk(tmp_path / f"{host}-{kind}", sites(tmp_path / f"{host}-{kind}", host), kind) for host, kind in kinds))

    assert done.stdout.count("No issues found") == len(kinds), done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_gixy_would_find_a_header_that_hides_the_others(tmp_path: Path) -> None:
    main = on_disk(tmp_path, sites(tmp_path, "web1"), "listen")
    site = main.parent / "sites-enabled" / "windlass-shop.balancer.conf"
    site.write_text(site.read_text().replace("default_type text/html;", "add_header X-Own 1;"))

    assert "add_header_redefinition" in gixy(main).stdout


def test_no_header_stands_below_the_server(tmp_path: Path) -> None:
    files = [file for host in ("web1", "app1") for site in sites(tmp_path, host) for file in site.files]

    below = [line for file in files for line in file.content.splitlines() if line.startswith("\t\tadd_header")]

    assert below == []
    assert [line for file in files for line in file.content.splitlines() if line.startswith("\tadd_header Strict")] != []


def test_what_the_public_reaches_has_the_settings_and_what_stands_behind_it_only_the_sizes(tmp_path: Path) -> None:
    front, behind = lines(tmp_path, "web1", "shop.balancer"), lines(tmp_path, "app1", "shop")
    words = ("limit_req", "return 3", "add_header Referrer", "if (", "client_max_body_size")

    assert [line for line in behind if line.startswith(words)] == [
        "client_max_body_size 10m;",
        "client_max_body_size 200m;",
        "client_max_body_size 1m;",
    ]
    assert [line for line in front if line.startswith("limit_req")] == [
        "limit_req_zone $windlass_shop_visitor zone=windlass_shop:10m rate=20r/s;",
        "limit_req_zone $windlass_shop_visitor zone=windlass_shop_1:10m rate=1r/m;",
        "limit_req zone=windlass_shop burst=20 nodelay;",
        "limit_req zone=windlass_shop_1 burst=3 nodelay;",
        "limit_req zone=windlass_shop burst=20 nodelay;",
    ]
    assert [line for line in front if line.startswith("return 3")] == [
        "return 301 /new;",
        "return 302 https://else.example.org/x?y=1;",
        *["return 308 $windlass_scheme://shop.example.org$request_uri;"] * 3,
    ]


def test_a_frontend_has_its_assets_from_all_releases_and_its_pages_from_the_live_one(tmp_path: Path) -> None:
    site = lines(tmp_path, "app1", "pages")

    assert [line for line in site if line.startswith(("root", "try_files", "location", "proxy_pass"))] == [
        "root /srv/pages/live/site;",
        "location ^~ /assets/ {",
        "root /srv/pages/union;",
        "try_files $uri =404;",
        "location ~ /[.](?!well-known/) {",
        "location / {",
        "try_files $uri $uri.html $uri/index.html @fallback;",
        "location @fallback {",
        "try_files /index.html =502;",
    ]


def test_without_a_fallback_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    site = lines(tmp_path, "web1", "export")

    assert "try_files $uri $uri.html $uri/index.html =404;" in site
    assert "location ^~ /_next/static/ {" in site
    assert '"~^ (200|206|304) /_next/static/" "public, max-age=31536000, immutable";' in site
