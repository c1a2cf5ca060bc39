"""What a release that is only files needs on a host, said as operations: the counterpart to processes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from windlass.operations.directory import Directory
from windlass.operations.file import File
from windlass.operations.frontend import Pages, PagesServed, PagesState, PagesWhole, PlacePages, PruneAssets
from windlass.operations.nginx import SiteProbe
from windlass.operations.operation import Operation
from windlass.plans.certificates import HTTPS, certificate
from windlass.plans.layout import Layout

if TYPE_CHECKING:
    from windlass.inventory import Application, Environment


def _inside(application: Application) -> tuple[str, str]:
    """The folder of the build's result in a release, and in that the folder of the assets."""
    return (application.static.folder, application.static.assets) if application.static else ("", "")


def pages(application: Application, slot: str, release: str) -> Pages:
    """A release's files in a slot."""
    layout, (folder, assets) = Layout(application.name), _inside(application)
    site = f"{layout.slot(slot)}/site"
    home = layout.release(release)
    return Pages(release=home, folder=f"{home}/{folder}", site=site, union=layout.union, assets=assets)


def start(application: Application, slot: str, release: str) -> tuple[Operation, ...]:
    """Fill a slot with a release: its assets are there before anything leads to its pages."""
    layout = Layout(application.name)
    moment = datetime.strptime(release[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    return (
        Directory(path=layout.slot(slot)),
        Directory(path=layout.union),
        PlacePages(pages=pages(application, slot, release), moment=int(moment.timestamp())),
        gate(application, slot, release),
        File(path=f"{layout.slot(slot)}/slot.json", content=json.dumps({"release": release}) + "\n"),
    )


def gate(application: Application, slot: str, release: str) -> PagesWhole:
    """Is it whole?"""
    return PagesWhole(pages=pages(application, slot, release))


def look(application: Application, slots: Mapping[str, str]) -> PagesState:
    """The same as a question about slots and the releases in them. Data for each as of a process called `<slot>/files`."""
    return PagesState(slots={f"{slot}/files": pages(application, slot, release) for slot, release in sorted(slots.items()) if slot})


def watch(environment: Environment, application: Application, slot: str, release: str, before: str, *, warm: bool) -> PagesServed:
    """Does nginx answer with it? Whoever goes back to what is warm is in a hurry: one look is enough."""
    return PagesServed(
        root=Layout(application.name).root,
        pages=pages(application, slot, release),
        probe=_probe(environment, application),
        before=before,
        seconds=0.0 if warm else application.gate.watch_seconds,
    )


def _probe(environment: Environment, application: Application) -> SiteProbe:
    """The application's own nginx, as a visitor or a balancer asks it."""
    site = application.site
    if site is None:
        raise ValueError(f"{application.name} is only files and has no site")
    name = next(iter(site.domains), "").replace("*", "www")
    if site.balancer:
        return SiteProbe(port=site.local_port, name=name)
    wanted = certificate(environment, application)
    return (
        SiteProbe(port=HTTPS, name=name, certificate=f"{wanted.live}/fullchain.pem")
        if wanted
        else SiteProbe(port=site.port, name=name)
    )


def prune(application: Application) -> PruneAssets:
    """What only pruned releases had."""
    layout, (folder, assets) = Layout(application.name), _inside(application)
    return PruneAssets(releases=f"{layout.root}/releases", inside=folder, union=layout.union, assets=assets)
