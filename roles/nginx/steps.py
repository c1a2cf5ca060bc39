"""What the role nginx wants of a host."""

from __future__ import annotations

from collections.abc import Mapping

from windlass.operations.command import Run
from windlass.operations.link import Link
from windlass.operations.nginx import NginxFile, NginxSite, NginxSites, SiteProbe
from windlass.operations.operation import Operation
from windlass.operations.package import Package
from windlass.operations.service import Service
from windlass.operations.template import Template
from windlass.plans.topology import HostView
from windlass.values import Command, Secret

from .settings import Settings
from .sites import ServedSite, hsts, sites

MAIN = "nginx.conf"
UNKNOWN = "sites-available/windlass.unknown.conf"
TLS = "sites-available/windlass.tls.conf"
EXAMPLE = "/etc/nginx/sites-enabled/default"
KINDS = ("listen", "directive", "hybrid")


def steps(host: HostView, settings: Settings) -> list[Operation]:
    """The sites are tried one by one on the host; see the operation for what becomes of a bad one."""
    package = Package(names=("nginx",))
    example = [
        # Twice, so that a check knows of the one that the package brings.
        Run(command=Command.of("rm", "-f", EXAMPLE), name="no example site of Debian's", run_on=(package,)),
        Link(path=EXAMPLE, absent=True),
    ]
    return [package, *example, wanted(host, settings), Service(name="nginx", reload_on=tuple(example))]


def wanted(host: HostView, settings: Settings) -> NginxSites:
    """All that nginx reads on a host: what its sites share, and each application's site."""
    served = sites(host.environment, host.environment.host(host.name))
    names = dict.fromkeys(str(site.values["application"]) for site in served)
    own = {name: [site for site in served if site.values["application"] == name] for name in names}
    return NginxSites(
        sites=(
            NginxSite(name="all sites", files=_shared(host, served, settings)),
            *(_site(host, name, files, settings) for name, files in own.items()),
        )
    )


def _file(host: HostView, path: str, name: str, values: Mapping[str, object], *, enabled: bool = True, kind: str = "") -> NginxFile:
    text = Template(path=f"/etc/nginx/{path}", source=host.template(name), name=name, values=values).content()
    kinds = (kind,) if kind else ()
    return NginxFile(path=path, content=text.reveal() if isinstance(text, Secret) else text, enabled=enabled, kinds=kinds)


def _shared(host: HostView, served: tuple[ServedSite, ...], settings: Settings) -> tuple[NginxFile, ...]:
    main = settings.model_dump() | {
        "trusted_ports": sorted({site.port for site in served if site.behind_balancer}),
        "hsts": hsts(host.environment, served),
    }
    return (_file(host, MAIN, "nginx/nginx.conf.j2", main), *_unknown(host, served, settings), *_tls(host, served, settings))


def _site(host: HostView, name: str, served: list[ServedSite], settings: Settings) -> NginxSite:
    """An application's site, by http and by https."""
    files = [
        _file(host, f"sites-available/{site.file}", site.template, _values(host, site, settings), enabled=site.enabled)
        for site in served
    ]
    return NginxSite(name=name, files=tuple(files), probes=tuple(probe for site in served for probe in _probes(site)))


def _values(host: HostView, site: ServedSite, settings: Settings) -> dict[str, object]:
    """What the template of a site can use; what all kinds of sites have in common is a text by then."""
    values = settings.model_dump() | dict(site.values)
    places = [
        {"path": limits["path"], "limits": _part(host, "nginx/location.conf.j2", values | dict(limits)).rstrip()}
        for limits in site.limits
    ]
    head = _part(host, "nginx/head.conf.j2", values)
    return values | {"head": head, "places": places, "place": places[0], "unavailable": host.template("nginx/unavailable.conf")}


def _part(host: HostView, name: str, values: Mapping[str, object]) -> str:
    return str(Template(path="", source=host.template(name), name=name, values=values).content())


def _probes(site: ServedSite) -> tuple[SiteProbe, ...]:
    """Every name of the site; names with `*` stand for whatever is asked."""
    certificate = "" if site.enabled else f"{site.values['live']}/fullchain.pem"
    names = [domain.replace("*", "www") for domain in site.domains] or [""]
    return tuple(SiteProbe(port=site.port, name=name, certificate=certificate) for name in names)


def _unknown(host: HostView, served: tuple[ServedSite, ...], settings: Settings) -> tuple[NginxFile, ...]:
    """At ports where all sites have names of their own, a request for another name gets no answer."""
    plain = [site for site in served if site.enabled]
    ports = sorted({site.port for site in plain} - {site.port for site in plain if not site.domains})
    values: dict[str, object] = {"ports": ports, "ipv6": settings.ipv6}
    return (_file(host, UNKNOWN, "nginx/unknown.conf.j2", values),) if ports else ()


def _tls(host: HostView, served: tuple[ServedSite, ...], settings: Settings) -> tuple[NginxFile, ...]:
    """What holds for https on all sites, in one text for each kind of server; the host takes the one that fits.

    nginx says http2 in one way before 1.25.1 and in another after; OpenSSL knows a key exchange that withstands quantum computers
    since 3.5. Only the host knows what it has.
    """
    if all(site.enabled for site in served):
        return ()
    kinds = {kind: {"ipv6": settings.ipv6, "directive": kind != "listen", "hybrid": kind == "hybrid"} for kind in KINDS}
    return tuple(_file(host, TLS, "nginx/tls.conf.j2", values, kind=kind) for kind, values in kinds.items())
