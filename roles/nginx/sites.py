"""Which sites a host serves, as values for the templates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from windlass.plans.certificates import CHALLENGES, HTTPS, WEBROOT, Certificate, certificate
from windlass.plans.firewall import family, private_addresses
from windlass.plans.layout import SLOTS, Layout

from .edge import edge, limits

if TYPE_CHECKING:
    from windlass.inventory import Application, Environment, Host, Site


@dataclass(frozen=True, slots=True)
class ServedSite:
    """A file of nginx's.

    file             its name
    template         what it is made of
    port, domains    what it is asked by
    limits           of the whole site, and of the paths that have their own
    behind_balancer  whoever asks is a balancer, whose word about the visitor counts
    enabled          nginx reads it; otherwise it is read as soon as there is a certificate
    """

    file: str
    template: str
    port: int
    domains: tuple[str, ...]
    values: Mapping[str, object]
    limits: tuple[Mapping[str, object], ...]
    behind_balancer: bool = False
    enabled: bool = True


def sites(environment: Environment, host: Host) -> tuple[ServedSite, ...]:
    """The sites of the applications that run here, and of those that this host stands before."""
    return tuple(site for application in environment.applications.values() for site in _of(application, environment, host))


def hsts(environment: Environment, served: Iterable[ServedSite]) -> dict[str, str]:
    """What browsers are told of https, by the first name of each site that has it."""
    found = {}
    for each in served:
        site = environment.application(str(each.values["application"])).site
        if site and site.tls and site.tls.hsts_seconds and not each.enabled:
            found[site.domains[0]] = f"max-age={site.tls.hsts_seconds}" + (
                "; includeSubDomains" if site.tls.hsts_subdomains else ""
            )
    return found


def _of(application: Application, environment: Environment, host: Host) -> Iterator[ServedSite]:
    site = application.site
    if site is None:
        return
    hosts = environment.hosts_of(application.hosts)
    balancers = environment.hosts_of(site.balancer) if site.balancer else ()
    own_certificate = certificate(environment, application)
    if host in hosts:
        plain = _own(application, site, balancers)
        yield from (plain,) if balancers else _with_tls(plain, own_certificate, host)
    if host in balancers:
        yield from _with_tls(_balanced(application, site, hosts), own_certificate, host)


def _with_tls(plain: ServedSite, wanted: Certificate | None, host: Host) -> Iterator[ServedSite]:
    """The site by http, and beside it the same by https where it is wanted."""
    if wanted is None:
        yield plain
        return
    values = dict(plain.values) | {
        "tls": True,
        "live": wanted.live,
        "issuer": "" if host == wanted.issuer else _bracketed(private_addresses([wanted.issuer])[0]),
        "challenges": CHALLENGES,
        "webroot": WEBROOT,
    }
    yield replace(plain, values=values)
    secure = values | {"secure": True}
    yield replace(plain, file=f"windlass-{wanted.name}.tls.conf", port=HTTPS, values=secure, enabled=False)


def _own(application: Application, site: Site, balancers: tuple[Host, ...]) -> ServedSite:
    port = site.local_port if balancers else site.port
    layout = Layout(application.name)
    values = _common(application, site, port) | edge(application, site, public=not balancers)
    values |= {"balancers": private_addresses(balancers), "log": application.name}
    if application.static:
        template, root = "nginx/static.conf.j2", layout.live_site
        more: dict[str, object] = {"static": True, "hidden": (), "union": layout.union, **application.static.model_dump()}
    else:
        template, root = "nginx/site.conf.j2", layout.live
        more = {"sockets": _sockets(application), "ports": _ports(application)}
    file = f"windlass-{application.name}.conf"
    return ServedSite(
        file,
        template,
        port,
        site.domains,
        values | more | {"root": root},
        limits(application, site, public=not balancers),
        bool(balancers),
    )


def _balanced(application: Application, site: Site, hosts: tuple[Host, ...]) -> ServedSite:
    servers = [f"{_bracketed(address)}:{site.local_port}" for address in private_addresses(hosts)]
    values = _common(application, site, site.port) | edge(application, site, public=True)
    values |= {"servers": servers, "sticky": site.sticky, "log": f"{application.name}.balancer"}
    file = f"windlass-{application.name}.balancer.conf"
    return ServedSite(file, "nginx/balancer.conf.j2", site.port, site.domains, values, limits(application, site, public=True))


def _bracketed(address: str) -> str:
    """An address as it stands before a port."""
    return f"[{address}]" if family(address) == "ip6" else address


def _common(application: Application, site: Site, port: int) -> dict[str, object]:
    return {
        "application": application.name,
        "port": port,
        "domains": site.domains,
        "max_body": site.max_body,
        "read_seconds": f"{site.read_seconds:g}",
        "tls": False,
        "secure": False,
        "static": False,
        "assets": "",
        "root": "",
        "balancers": (),
    }


def _sockets(application: Application) -> tuple[str, ...]:
    """The live sockets; none where the application is known by port."""
    web = application.web
    if web.listen != "socket":
        return ()
    return tuple(Layout(application.name).live_socket(f"{web.name}-{number}") for number in range(web.instances))


def _ports(application: Application) -> Mapping[str, str]:
    """The files in which deploys write the ports of each slot, as a pattern: one that is not there yet is no mistake."""
    return {slot: Layout(application.name).upstream(slot).replace(".conf", "[.]conf") for slot in SLOTS}
