"""How the public reaches an application: names, https, and what nginx does by itself before the application is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from windlass.inventory.schema import Domain, Entry, Matching, Port

Positive = Annotated[float, Field(gt=0)]
BodySize = Annotated[str, Matching(r"\d+[kmg]?", "a size as nginx writes it, such as 10m (0: no limit)")]
Rate = Annotated[str, Matching(r"[1-9]\d*r/[sm]", "a rate such as 20r/s or 30r/m")]
Burst = Annotated[int, Field(ge=0, le=100_000)]
# What stands in nginx's files as it is: nothing in it may mean something there.
PathOfSite = Annotated[str, Matching(r"/[A-Za-z0-9._~!/@%+,=-]*", "a path such as /uploads, of letters, digits and ._~!/@%+,=-")]
Destination = Annotated[
    str,
    Matching(r"(?:https?://[A-Za-z0-9.:-]+)?/[A-Za-z0-9._~!/@%+,=&?#-]*", "a path such as /new, or https://www.example.org/new"),
]
Origin = Annotated[str, Matching(r"\*|https?://[a-z0-9.-]+(?::\d+)?", "an origin such as https://app.example.org, or *")]
HeaderName = Annotated[str, Matching(r"[A-Za-z][A-Za-z0-9-]*", "a header's name such as X-Frame-Options")]
HeaderText = Annotated[str, Matching(r"[^\"$\\\n\r{}]*", 'a text without ", $, \\, { and }; "" drops the header')]
Method = Annotated[str, Matching(r"[A-Z]+", "a method such as GET")]


# Headers that have settings of their own, or are none of the site's.
OURS = {
    "strict-transport-security": "see `tls.hsts_seconds`",
    "access-control-allow-origin": "see `cors`",
    "cache-control": "the application says it, or `static` does",
    "content-length": "nginx counts itself",
    "content-type": "the application knows it",
    "location": "see `redirects`",
}
_OR_TEXT = WithJsonSchema({"anyOf": [{"type": "string"}, {"$ref": "#/$defs/Redirect"}]})


class Tls(Entry):
    """How a site is reached by https. It needs the roles nginx and certificates on the hosts that the public reaches."""

    hsts_seconds: Annotated[int, Field(ge=0)] = 63_072_000
    """How long browsers shall insist on https; less than 15768000 is below what the graders call good; 0: not at all"""
    hsts_subdomains: bool = False
    """They shall insist on it for every name below these domains, too"""


def _tls(value: Any) -> Any:
    """`tls: true` is all defaults, `tls: false` none."""
    return {True: {}, False: None}[value] if isinstance(value, bool) else value


class Redirect(Entry):
    """Where a path has moved to."""

    to: Destination
    """Another path, or a whole address"""
    permanent: bool = True
    """Browsers may remember it (301); no: 302"""


def _redirect(value: Any) -> Any:
    """`/old: /new` is a permanent one."""
    return {"to": value} if isinstance(value, str) else value


class Cors(Entry):
    """Which pages of other sites may ask this one. nginx itself answers that; what the application says of it is dropped."""

    origins: tuple[Origin, ...]
    """The sites whose pages may; `"*"`: all"""
    methods: tuple[Method, ...] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
    """What they may do"""
    headers: tuple[HeaderName, ...] = ("Authorization", "Content-Type")
    """The headers that they may send"""
    credentials: bool = False
    """They may send cookies"""
    max_age_seconds: Annotated[int, Field(ge=0, le=86400)] = 600
    """How long a browser need not ask again"""

    @model_validator(mode="after")
    def _fits(self) -> Cors:
        if not self.origins:
            raise ValueError("`origins` should name at least one site")
        if "*" in self.origins and (len(self.origins) > 1 or self.credentials):
            raise ValueError('`origins: ["*"]` stands alone, and no browser sends cookies then: name the sites')
        return self


class PathLimits(Entry):
    """What holds for the paths that begin with one, instead of what holds for the site."""

    max_body: BodySize = ""
    """The largest request"""
    rate: Rate | None = None
    """How often one address may ask"""
    burst: Burst = 20
    """So many requests more are answered before others get 429"""


class Site(Entry):
    """How the public reaches the application."""

    domains: tuple[Domain, ...] = ()
    """The names it is asked by; none: it answers whatever name is asked at its port"""
    balancer: str = ""
    """Pattern of the hosts in front; empty: the application's own hosts serve the public"""
    port: Port = 80
    """The public's port"""
    local_port: Port = 8080
    """Behind a balancer: the port of the nginx on the application's hosts"""
    max_body: BodySize = "10m"
    """The largest request"""
    sticky: bool = False
    """Behind a balancer: a visitor stays on one host"""
    read_seconds: Positive = 60
    """How long the application may take to answer"""
    tls: Annotated[Tls | None, BeforeValidator(_tls), WithJsonSchema({"anyOf": [{"type": "boolean"}, {"$ref": "#/$defs/Tls"}]})] = (
        None
    )
    """`true`, or a mapping as below: https at port 443 with a certificate that is got and renewed by itself"""
    redirects: Mapping[PathOfSite, Annotated[Redirect, BeforeValidator(_redirect), _OR_TEXT]] = {}
    """Paths that have moved: `/old: /new`, or a mapping as below"""
    canonical: bool = False
    """The other domains lead to the first (308, so that a POST stays one)"""
    compress: bool = True
    """Texts are sent compressed, where the role's `gzip` is on"""
    headers: Mapping[HeaderName, HeaderText] = {}
    """Headers of every answer, errors too, unless the application gives its own; `""` drops one of the three that are there without
    being asked for: X-Content-Type-Options, Referrer-Policy, X-Frame-Options"""
    cors: Cors | None = None
    """Which pages of other sites may ask this one"""
    rate: Rate | None = None
    """How often one address may ask, such as 20r/s; more gets 429"""
    burst: Burst = 20
    """So many requests more are answered before"""
    paths: Mapping[PathOfSite, PathLimits] = {}
    """Other limits for paths that begin with one: `/uploads: {max_body: 200m}`"""

    @model_validator(mode="after")
    def _certifiable(self) -> Site:
        """An authority asks the names at port 80, whatever a site would like."""
        if self.tls is None:
            return self
        if not self.domains:
            raise ValueError("`tls` needs `domains`: a certificate is for names")
        if any(domain.startswith("*.") for domain in self.domains):
            raise ValueError("`tls` needs domains without `*`: no certificate is given for these over http")
        if self.port != 80:
            raise ValueError(f"`tls` needs `port: 80`, not {self.port}: the authority asks there; https itself is at port 443")
        return self

    @model_validator(mode="after")
    def _unambiguous(self) -> Site:
        if self.canonical and not self.domains:
            raise ValueError("`canonical` needs `domains`: the first of them is the one that the others lead to")
        if self.canonical and self.domains[0].startswith("*."):
            raise ValueError(f"`canonical` leads to the first of `domains`, which cannot be {self.domains[0]}")
        own = [path for path, redirect in self.redirects.items() if redirect.to == path]
        if own:
            raise ValueError(f"the redirect of {own[0]} leads to itself")
        taken = [name for name in self.headers if name.lower() in OURS]
        if taken:
            raise ValueError(f"{taken[0]} is not for `headers`: {OURS[taken[0].lower()]}")
        return self
