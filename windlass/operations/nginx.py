"""Sites of nginx: each is tried by itself, and what nginx or a visitor would not take is put back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class NginxFile:
    """A file below /etc/nginx.

    path     from there
    enabled  a link in `sites-enabled` leads to it
    kinds    only for these kinds of nginx: `listen` (before 1.25.1), `directive` (since), `hybrid` (with OpenSSL 3.5); empty: all
    """

    path: str
    content: str
    enabled: bool = True
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteProbe:
    """A request for `/` that is made on the host itself, before and after a change.

    name         the name that is asked for; empty: any
    certificate  the file whose first certificate has to be served; where it is not there, https is not asked. Empty: http
    """

    port: int
    name: str = ""
    certificate: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NginxSite:
    """What belongs together: it is installed, or put back, as one."""

    name: str
    files: tuple[NginxFile, ...]
    probes: tuple[SiteProbe, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NginxSites(Operation):
    """nginx serves these sites; other `windlass*.conf` in its folders go. A change is tested, loaded, and asked for.

    A site that `nginx -t` refuses, that keeps nginx from loading, or whose answer is worse than before, is put back to what was
    accepted last; the others are installed nevertheless, and then it fails with nginx's words. A check tests a copy.
    Data: `sites`, for each one `unchanged`, `changed` or why it was refused.

    only  install this site alone, and leave the rest as it is
    """

    family: ClassVar[str] = "nginx"

    sites: tuple[NginxSite, ...]
    only: str = ""

    def title(self) -> str:
        return f"site {self.only}" if self.only else "sites of nginx"

    def arguments(self) -> Mapping[str, object]:
        return {"sites": self.sites, "only": self.only}


@dataclass(frozen=True, slots=True, kw_only=True)
class NginxReload(Operation):
    """nginx loads what is on the disk, if it accepts it; fails with its words if it does not, and then goes on as it was.

    run_on  only if one of these operations changed something, in this run or in an earlier one that broke
    """

    family: ClassVar[str] = "nginx"

    run_on: tuple[Operation, ...] = ()

    def title(self) -> str:
        return "reload nginx"

    def watched(self) -> Mapping[str, tuple[Operation, ...]]:
        return {"run": self.run_on} if self.run_on else {}
