"""Files of frontends: assets first, pages last, and nothing that a page names is ever missing."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from typing import Any, Dict, Iterator, List, Set

from windlass.agent import release
from windlass.agent.core import atomic, ownership, safe_paths, site_probe
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError, Outcome
from windlass.agent.file import sha256_of

INDEX = "index.html"
SETTLE = 3.0  # seconds that nginx has to answer with the new page
INTERVAL = 0.2
SOON = 0.05  # seconds between two looks before it does
_NAMED = re.compile(rb"""(?:src|href)\s*=\s*["']?([^"'\s>]+)""")

Pages = Dict[str, Any]


def place_pages(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Readable for nginx, assets into the union, then the slot's link."""
    pages = arguments["pages"]
    if context.check:
        return Outcome(True, unknown=True)
    _need_index(pages)
    _need_own(pages)
    with contextlib.closing(safe_paths.Below(os.path.realpath(pages["release"]))) as below:
        added = sum(_place(below, inside, arguments) for inside in _files(os.path.realpath(pages["folder"])))
    _sync(pages["union"])
    atomic.replace_link(pages["site"], pages["folder"])
    return Outcome(True, "%d new assets" % added)


def _place(below: safe_paths.Below, inside: str, arguments: Dict[str, Any]) -> int:
    """One file, by its name in the pages' folder; how many assets came by it. The release is the application's user's, who may lay
    links there in this very moment: no name leads through one."""
    pages = arguments["pages"]
    name = os.path.normpath(os.path.join(_name_of(pages), inside))
    _let_read(below, name)
    if pages["assets"] and inside.startswith(pages["assets"] + "/"):
        return _unite(below.at(name), name, os.path.join(pages["union"], inside))
    os.utime(below.at(name), (arguments["moment"], arguments["moment"]), follow_symlinks=False)
    return 0


def _name_of(pages: Pages) -> str:
    """The folder of the pages, by its name in the release, behind all links."""
    return str(os.path.relpath(os.path.realpath(pages["folder"]), os.path.realpath(pages["release"])))


def _need_index(pages: Pages) -> None:
    if not os.path.isfile(os.path.join(pages["folder"], INDEX)):
        raise OperationError(
            "there is no %s in %s" % (INDEX, pages["folder"]), hint="is `static.folder` where the build leaves its result?"
        )


def _need_own(pages: Pages) -> None:
    """Raises OperationError where a link leads out of the release: nginx would show the host's files to everybody."""
    for path in (pages["folder"], *_links(os.path.realpath(pages["folder"]))):
        target = os.path.realpath(path)
        if not _is_below(target, os.path.realpath(pages["release"])):
            raise OperationError(
                "%s leads out of the release, to %s" % (path, target),
                hint="have the build copy what is to be served; a link may lead to what the release itself has",
            )


def _is_below(path: str, folder: str) -> bool:
    return (path + "/").startswith(folder.rstrip("/") + "/")


def _links(folder: str) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            if os.path.islink(os.path.join(place, name)):
                yield os.path.join(place, name)


def _files(folder: str) -> Iterator[str]:
    """The regular files below, by their names in it; links are left out."""
    for place, _folders, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                yield os.path.relpath(path, folder)


def _let_read(below: safe_paths.Below, name: str) -> None:
    """nginx is another user."""
    for each, more in ((name, 0o444), (os.path.dirname(name), 0o555)):
        mode = stat.S_IMODE(os.lstat(below.at(each)).st_mode)
        if mode | more != mode:
            ownership.change_mode(below.at(each), mode | more)


def _unite(path: str, name: str, place: str) -> int:
    """A second name for an asset, unless it has it already. It is at `path`, and called by its name in the release."""
    os.makedirs(os.path.dirname(place), mode=0o755, exist_ok=True)
    try:
        os.link(path, place, follow_symlinks=False)
    except FileExistsError:
        if sha256_of(path) != sha256_of(place):
            raise OperationError(
                "%s differs from the one of an earlier release under the same name" % name,
                hint="browsers keep what is in `static.assets` for ever: give the file a hash in its name, or another folder",
            ) from None
        return 0
    return 1


def _sync(folder: str) -> None:
    for place, _folders, _names in os.walk(folder):
        atomic.sync_folder(place)


def pages_whole(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Look at the files once: they do not change by themselves."""
    if context.check:
        return Outcome(False, unknown=True)
    why = _broken(arguments["pages"])
    if why:
        raise OperationError(why, hint="the release never got a request; mend the build and deploy again")
    return Outcome(False, "whole")


def pages_state(arguments: Dict[str, Any], context: Context) -> Outcome:
    """One look at each slot."""
    return Outcome(False, data={name: _seen(pages) for name, pages in arguments["slots"].items()})


def _seen(pages: Pages) -> Dict[str, Any]:
    why = _broken(pages)
    return {"running": not why, "healthy": not why, "why": why, "uptime": 0.0, "memory": 0, "starts": 0, "connections": 0}


def _broken(pages: Pages) -> str:
    """Why a release cannot be served; empty if it can."""
    if os.path.realpath(pages["site"]) != os.path.realpath(pages["folder"]):
        return "%s does not lead to %s" % (pages["site"], pages["folder"])
    if not _is_below(os.path.realpath(pages["folder"]), os.path.realpath(pages["release"])):
        return "%s leads out of the release" % pages["folder"]
    index = os.path.join(pages["folder"], INDEX)
    if not os.path.isfile(index) or not os.path.getsize(index):
        return "there is no page in %s" % index
    missing = sorted(name for name in _named(pages, index) if not os.path.isfile(os.path.join(pages["union"], name)))
    if missing:
        return "%s names %s, which the build has not made" % (INDEX, ", ".join(missing))
    return ""


def _named(pages: Pages, index: str) -> Set[str]:
    """The assets that a page names, from the top of the site."""
    with open(index, "rb") as handle:
        found = [name.decode("utf-8", "replace") for name in _NAMED.findall(handle.read())]
    plain = [re.sub(r"[?#].*", "", name) for name in found]
    names = {re.sub(r"^(\./|/)", "", name) for name in plain}
    return {name for name in names if pages["assets"] and name.startswith(pages["assets"] + "/")}


def pages_served(arguments: Dict[str, Any], context: Context) -> Outcome:
    """It goes on to its end when the controller is gone, as every watch does."""
    if context.check:
        return Outcome(False, unknown=True)
    wanted = atomic.read_or_none(os.path.join(arguments["pages"]["folder"], INDEX)) or b""
    settled = time.monotonic() + SETTLE + arguments["arriving_seconds"]
    deadline = time.monotonic() + arguments["seconds"]
    seen = False
    while True:
        why = site_probe.differs(arguments["probe"], wanted)
        if why and (seen or time.monotonic() > settled):
            release.switch_back(arguments["root"], arguments["before"])
            release.remember_way_back(arguments["root"], why)
            raise _taken_back(why, arguments["before"])
        seen = seen or not why
        if seen and time.monotonic() >= deadline:
            if context.cancelled.is_set():  # nobody is there, or nobody wants what comes after it
                release.remember_watched(arguments["root"])
            return Outcome(False, "served")
        time.sleep(INTERVAL if seen else SOON)


def _taken_back(why: str, before: str) -> OperationError:
    now = "the host switched back to %s by itself" % before if before else "there was nothing to switch back to, so nothing serves"
    return OperationError(
        "nginx does not serve the release: %s; %s" % (why, now), hint="invoke nginx.check says why; then deploy again"
    )


def prune_assets(arguments: Dict[str, Any], context: Context) -> Outcome:
    """By name: a file may have come from another release than the one that still needs it."""
    folder = os.path.join(arguments["union"], arguments["assets"])
    if not arguments["assets"] or not os.path.isdir(folder):
        return Outcome(False)
    kept: Set[str] = set()
    for name in os.listdir(arguments["releases"]):
        if not name.startswith("."):
            mine = os.path.join(arguments["releases"], name, arguments["inside"], arguments["assets"])
            kept |= set(_files(mine))
    doomed: List[str] = [name for name in _files(folder) if name not in kept]
    for name in doomed if not context.check else []:
        os.unlink(os.path.join(folder, name))
    return Outcome(bool(doomed), "%d assets" % len(doomed) if doomed else "")
