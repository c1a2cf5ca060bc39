"""What nginx does by itself for a site, as values for the templates: headers, CORS, limits, redirects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from windlass.inventory import Application, Site

# OWASP's and Mozilla's recommendations for what does no harm to any site; a policy for scripts is the application's own matter.
DEFAULTS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Frame-Options": "SAMEORIGIN",
}


@dataclass(frozen=True, slots=True)
class Header:
    """A header that nginx adds where the application gives none: `given` is the application's, `variable` what is sent."""

    name: str
    text: str
    given: str
    variable: str


@dataclass(frozen=True, slots=True)
class CorsHeader:
    """A header about other sites; `condition` names what has to be true for it: an allowed origin, or a question for leave."""

    name: str
    condition: str


def name_of(application: Application) -> str:
    """What the names of nginx's variables and zones begin with."""
    return f"windlass_{application.name.replace('-', '_')}"


def edge(application: Application, site: Site, *, public: bool) -> dict[str, object]:
    """For the server that the public reaches; behind a balancer only what cannot be done there."""
    name = name_of(application)
    return {
        "name": name,
        "compress": site.compress,
        "headers": _headers(site, name) if public else (),
        "cors": _cors(site) if public else None,
        "zones": _zones(site, name) if public else {},
        "redirects": _redirects(site) if public else (),
        "canonical": site.domains[0] if public and site.canonical else "",
        "hidden": _hidden(site) if public else (),
    }


def _headers(site: Site, name: str) -> tuple[Header, ...]:
    own = {header.lower() for header in site.headers}
    wanted = {header: text for header, text in DEFAULTS.items() if header.lower() not in own} | dict(site.headers)
    return tuple(
        Header(header, text, f"$upstream_http_{header.lower().replace('-', '_')}", f"${name}_header_{number}")
        for number, (header, text) in enumerate(wanted.items(), 1)
        if text
    )


def _cors(site: Site) -> dict[str, object] | None:
    cors = site.cors
    if cors is None:
        return None
    answers = {
        CorsHeader("Access-Control-Allow-Methods", "preflight"): ", ".join(cors.methods),
        CorsHeader("Access-Control-Allow-Headers", "preflight"): ", ".join(cors.headers),
        CorsHeader("Access-Control-Max-Age", "preflight"): str(cors.max_age_seconds),
    }
    if cors.credentials:
        answers[CorsHeader("Access-Control-Allow-Credentials", "origin")] = "true"
    return {"origins": cors.origins, "answers": answers}


def _zones(site: Site, name: str) -> dict[str, str]:
    """The rates of a site, each counted by itself."""
    rates = {name: site.rate} | {f"{name}_{number}": own.rate for number, own in enumerate(site.paths.values(), 1)}
    return {zone: rate for zone, rate in rates.items() if rate}


def _redirects(site: Site) -> tuple[Mapping[str, object], ...]:
    return tuple(
        {"path": path, "to": redirect.to, "status": 301 if redirect.permanent else 302} for path, redirect in site.redirects.items()
    )


def _hidden(site: Site) -> tuple[str, ...]:
    """What the application says and nobody hears: where nginx says it, both would stand there."""
    cors = ("Origin", "Methods", "Headers", "Credentials") if site.cors else ()
    https = ("Strict-Transport-Security",) if site.tls else ()
    return (*https, *(f"Access-Control-Allow-{each}" for each in cors))


def limits(application: Application, site: Site, *, public: bool) -> tuple[Mapping[str, object], ...]:
    """What holds for the whole site, and for each path that has limits of its own."""
    name = name_of(application)
    whole: dict[str, object] = {"path": "/", "own_body": "", "zone": name if public and site.rate else "", "burst": site.burst}
    return (
        whole,
        *(
            {
                "path": path,
                "own_body": own.max_body,
                "zone": f"{name}_{number}" if public and own.rate else whole["zone"],
                "burst": own.burst if own.rate else site.burst,
            }
            for number, (path, own) in enumerate(site.paths.items(), 1)
        ),
    )
