"""What the role nginx wants of a host."""

from __future__ import annotations

from windlass.operations.command import Run
from windlass.operations.file import File
from windlass.operations.link import Link
from windlass.operations.operation import Operation
from windlass.operations.package import Package
from windlass.operations.service import Service
from windlass.operations.template import Template
from windlass.plans.topology import HostView
from windlass.values import Command

from .settings import Settings
from .sites import ServedSite, hsts, sites

FOLDER = "/etc/nginx"
UNKNOWN = "windlass.unknown.conf"
# What this role once wrote and no longer wants: names begin with `windlass`, nobody else's do.
STALE = "find {folder}/sites-enabled {folder}/sites-available -name 'windlass*.conf' {kept}"

TLS = "windlass.tls.conf"
KINDS = ("listen", "directive", "hybrid")
# nginx says http2 in one way before 1.25.1 and in another after; OpenSSL knows a key exchange that withstands quantum computers
# since 3.5. Only the host knows what it has.
CHOICE = """
nginx=$(nginx -v 2>&1 | sed 's/.*nginx.//; s/[^0-9.].*//')
openssl=$(nginx -V 2>&1 | sed -n 's/.*built with OpenSSL \\([0-9.]*\\).*/\\1/p')
kind=listen
if dpkg --compare-versions "${nginx:-0}" ge 1.25.1; then
	kind=directive
	if dpkg --compare-versions "${openssl:-0}" ge 3.5; then kind=hybrid; fi
fi
wanted=../sites-available/windlass.tls-$kind.conf
"""
# What nginx accepted is kept, and comes back in place of what it refuses: a reboot must not find a server that cannot start.
ACCEPT = """
kept=/var/lib/windlass/nginx.tar
mkdir -p /var/lib/windlass
cd {folder}
if nginx -t -q; then
	find . '(' -path './sites-*/windlass*.conf' -o -path ./nginx.conf ')' -print0 |
		tar --create --file $kept.partial --null --files-from -
	mv $kept.partial $kept
	exit
fi
if [ -e $kept ]; then
	find . -path './sites-*/windlass*.conf' -delete
	tar --extract --file $kept
	echo "what nginx accepted before is back in its place" >&2
fi
exit 1
"""


def steps(host: HostView, settings: Settings) -> list[Operation]:
    """Files first, then the test of all of them together, and only then is nginx told."""
    served = sites(host.environment, host.environment.host(host.name))
    main = settings.model_dump() | {
        "trusted_ports": sorted({site.port for site in served if site.behind_balancer}),
        "hsts": hsts(host.environment, served),
    }
    package = Package(names=("nginx",))
    example = f"{FOLDER}/sites-enabled/default"
    written = [
        # Twice, so that a check knows of the one that the package brings.
        Run(command=Command.of("rm", "-f", example), name="no example site of Debian's", run_on=(package,)),
        Link(path=example, absent=True),
        _no_stale([site.file for site in served] + [UNKNOWN, *(_tls_files() if _secure(served) else ())]),
        _template(host, f"{FOLDER}/nginx.conf", "nginx/nginx.conf.j2", main, validate=True),
        *(operation for site in served for operation in _site(host, site, settings)),
        *_unknown(host, served, settings),
        *(_tls(host, settings) if _secure(served) else ()),
    ]
    return [
        package,
        *written,
        Run(command=ACCEPT.format(folder=FOLDER), name="nginx accepts its configuration", run_on=tuple(written)),
        Service(name="nginx", reload_on=tuple(written)),
    ]


def _template(host: HostView, path: str, name: str, values: dict[str, object], *, validate: bool = False) -> Template:
    check = Command.of("nginx", "-t", "-q", "-c", "%s") if validate else None
    return Template(path=path, source=host.template(name), name=name, values=values, validate=check)


def _site(host: HostView, site: ServedSite, settings: Settings) -> tuple[Operation, ...]:
    values = settings.model_dump() | dict(site.values) | {"unavailable": host.template("nginx/unavailable.conf")}
    file = _template(host, f"{FOLDER}/sites-available/{site.file}", site.template, values)
    if not site.enabled:
        return (file,)
    return (
        file,
        Link(path=f"{FOLDER}/sites-enabled/{site.file}", target=f"../sites-available/{site.file}"),
    )


def _unknown(host: HostView, served: tuple[ServedSite, ...], settings: Settings) -> tuple[Operation, ...]:
    """At ports where all sites have names of their own, a request for another name gets no answer."""
    plain = [site for site in served if site.enabled]
    ports = sorted({site.port for site in plain} - {site.port for site in plain if not site.domains})
    path, link = f"{FOLDER}/sites-available/{UNKNOWN}", f"{FOLDER}/sites-enabled/{UNKNOWN}"
    if not ports:
        return (Link(path=link, absent=True), File(path=path, absent=True))
    values: dict[str, object] = {"ports": ports, "ipv6": settings.ipv6}
    return (_template(host, path, "nginx/unknown.conf.j2", values), Link(path=link, target=f"../sites-available/{UNKNOWN}"))


def _secure(served: tuple[ServedSite, ...]) -> bool:
    return any(not site.enabled for site in served)


def _tls_files() -> tuple[str, ...]:
    return (TLS, *(f"windlass.tls-{kind}.conf" for kind in KINDS))


def _tls(host: HostView, settings: Settings) -> tuple[Operation, ...]:
    """What holds for https on all sites, in one file for each kind of server; the host takes the one that fits."""
    kinds = {kind: {"ipv6": settings.ipv6, "directive": kind != "listen", "hybrid": kind == "hybrid"} for kind in KINDS}
    path, link = f"{FOLDER}/sites-available/windlass.tls-{{}}.conf", f"{FOLDER}/sites-enabled/{TLS}"
    return (
        *(_template(host, path.format(kind), "nginx/tls.conf.j2", dict(values)) for kind, values in kinds.items()),
        Run(
            command=f'{CHOICE}ln -sfn "$wanted" {link}',
            name="https as this nginx and this OpenSSL have it",
            unless=f'{CHOICE}[ "$(readlink {link})" = "$wanted" ]',
        ),
    )


def _no_stale(kept: list[str]) -> Run:
    find = STALE.format(folder=FOLDER, kept=" ".join(f"! -name {name}" for name in kept))
    return Run(command=f"{find} -delete", name="no sites of applications that are gone", only_if=f"{find} | grep -q .")
