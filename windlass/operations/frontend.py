"""Releases that are only files: putting them where nginx finds them, and looking whether it serves them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from windlass.operations.nginx import SiteProbe
from windlass.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """The files of a release in a slot.

    release  its folder: no link may lead out of it
    folder   the result of the build, in it
    site     the slot's link to it
    union    where the assets of all releases are together
    assets   the folder with hashed names, in both; empty: there is none
    """

    release: str
    folder: str
    site: str
    union: str
    assets: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacePages(Operation):
    """The release's assets are beside those of the others, and only then the slot's link leads to its pages.

    Fails if there is no index.html, and if an asset differs from another release's of the same name: browsers keep it for ever.

    moment  the modification time of what is no asset, in seconds since 1970: the same on every host, another for each release,
            or a browser would be told that a page of the same length had not changed
    """

    family: ClassVar[str] = "frontend"

    pages: Pages
    moment: int

    def title(self) -> str:
        return f"place {self.pages.folder}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PagesWhole(Operation):
    """The slot leads to the release, index.html is there, and so is every asset that it names."""

    family: ClassVar[str] = "frontend"

    pages: Pages

    def title(self) -> str:
        return "gate: the files are whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class PagesState(Operation):
    """The same as a question about slots. Data for each by its name, as `Inspect` gives it for processes."""

    family: ClassVar[str] = "frontend"

    slots: Mapping[str, Pages]

    def title(self) -> str:
        return "look at the files"


@dataclass(frozen=True, slots=True, kw_only=True)
class PagesServed(Operation):
    """nginx answers with the release's index.html, for `seconds`; if it does not, the host switches back to `before` by itself.

    arriving_seconds  how much longer than usual nginx may take to answer at all, on a host that may just have booted
    """

    family: ClassVar[str] = "frontend"

    root: str
    pages: Pages
    probe: SiteProbe
    before: str
    seconds: float
    arriving_seconds: float = 0.0

    def title(self) -> str:
        return "watch what nginx answers"


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneAssets(Operation):
    """Remove the assets that no release on this host has any more.

    releases  the folder of the releases
    inside    where a release has the result of its build
    """

    family: ClassVar[str] = "frontend"

    releases: str
    inside: str
    union: str
    assets: str

    def title(self) -> str:
        return "prune old assets"
