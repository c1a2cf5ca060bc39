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
from .sites import ServedSite, sites

FOLDER = "/etc/nginx"
UNKNOWN = "windlass.unknown.conf"
# What this role once wrote and no longer wants: names begin with `windlass`, nobody else's do.
STALE = "find {folder}/sites-enabled {folder}/sites-available -name 'windlass*.conf' {kept}"


def steps(host: HostView, settings: Settings) -> list[Operation]:
    """Files first, then the test of all of them together, and only then is nginx told."""
    served = sites(host.environment, host.environment.host(host.name))
    main = settings.model_dump() | {"trusted_ports": sorted({site.port for site in served if site.behind_balancer})}
    package = Package(names=("nginx",))
    example = f"{FOLDER}/sites-enabled/default"
    written = [
        # Twice, so that a check knows of the one that the package brings.
        Run(command=Command.of("rm", "-f", example), name="no example site of Debian's", run_on=(package,)),
        Link(path=example, absent=True),
        _no_stale([site.file for site in served] + [UNKNOWN]),
        _template(host, f"{FOLDER}/nginx.conf", "nginx/nginx.conf.j2", main, validate=True),
        *(operation for site in served for operation in _site(host, site, settings)),
        *_unknown(host, served, settings),
    ]
    return [
        package,
        *written,
        Run(command=Command.of("nginx", "-t", "-q"), name="nginx accepts its configuration", run_on=tuple(written)),
        Service(name="nginx", reload_on=tuple(written)),
    ]


def _template(host: HostView, path: str, name: str, values: dict[str, object], *, validate: bool = False) -> Template:
    check = Command.of("nginx", "-t", "-q", "-c", "%s") if validate else None
    return Template(path=path, source=host.template(name), name=name, values=values, validate=check)


def _site(host: HostView, site: ServedSite, settings: Settings) -> tuple[Operation, ...]:
    values = settings.model_dump() | dict(site.values) | {"unavailable": host.template("nginx/unavailable.conf")}
    return (
        _template(host, f"{FOLDER}/sites-available/{site.file}", site.template, values),
        Link(path=f"{FOLDER}/sites-enabled/{site.file}", target=f"../sites-available/{site.file}"),
    )


def _unknown(host: HostView, served: tuple[ServedSite, ...], settings: Settings) -> tuple[Operation, ...]:
    """At ports where all sites have names of their own, a request for another name gets no answer."""
    ports = sorted({site.port for site in served} - {site.port for site in served if not site.domains})
    path, link = f"{FOLDER}/sites-available/{UNKNOWN}", f"{FOLDER}/sites-enabled/{UNKNOWN}"
    if not ports:
        return (Link(path=link, absent=True), File(path=path, absent=True))
    values: dict[str, object] = {"ports": ports, "ipv6": settings.ipv6}
    return (_template(host, path, "nginx/unknown.conf.j2", values), Link(path=link, target=f"../sites-available/{UNKNOWN}"))


def _no_stale(kept: list[str]) -> Run:
    find = STALE.format(folder=FOLDER, kept=" ".join(f"! -name {name}" for name in kept))
    return Run(command=f"{find} -delete", name="no sites of applications that are gone", only_if=f"{find} | grep -q .")
