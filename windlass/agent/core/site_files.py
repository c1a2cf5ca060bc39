"""The files of a site below /etc/nginx: how they differ from what is wanted, installing them, and putting them back.

What nginx and a probe accepted is kept in `ACCEPTED`. Only a file that is as wanted there and on the disk counts as unchanged, so
that a run that broke off before the test is taken up by the next one.
"""

from __future__ import annotations

import os
import re
import shutil
from typing import Any, Dict, Iterator, List, Match, Optional, Tuple

from windlass.agent.core import atomic, temporary, webserver
from windlass.agent.core.diffs import text_diff

FOLDER = "/etc/nginx"
ACCEPTED = "/var/lib/windlass/nginx"
MARK = "windlass"  # what the names of our files begin with

_HTTPS = re.compile(r"include (/etc/windlass/certificates/([^/]+)/live)/site\[\.\]conf;")
# What a copy has elsewhere, and where there.
_MOVED = {FOLDER + "/": "", webserver.LOGS + "/": "log/", webserver.PID: "pid/nginx.pid"}
_PLACES = re.compile(r"(?<=\s)(?:%s)" % "|".join(_MOVED))

Site = Dict[str, Any]
File = Tuple[str, Optional[bytes], bool]  # path below FOLDER, content (none: it goes), whether a link in sites-enabled leads to it


def of_kind(sites: List[Site], kind: str) -> List[Site]:
    """The sites with the files that are for this kind of nginx."""
    return [dict(site, files=[each for each in site["files"] if kind in (each["kinds"] or [kind])]) for site in sites]


def wanted(site: Site) -> List[File]:
    """The files of a site as they should be."""
    return [
        (each["path"], None if each["content"] is None else each["content"].encode(), each["enabled"]) for each in site["files"]
    ]


def before(site: Site) -> List[File]:
    """What is put back: what was accepted last, else what stands there now."""
    found: List[File] = []
    for path, _content, _enabled in wanted(site):
        kept = atomic.read_or_none(_kept(path))
        found.append((path, _now(path) if kept is None else kept, os.path.lexists(_link(path)) if _linkable(path) else False))
    return found


def stale(sites: List[Site]) -> List[Site]:
    """Our files that no site has any more, each as a site that goes."""
    known = {os.path.basename(each["path"]) for site in sites for each in site["files"]}
    names = set()
    for folder in ("sites-available", "sites-enabled"):
        path = os.path.join(FOLDER, folder)
        names |= {name for name in (os.listdir(path) if os.path.isdir(path) else []) if _ours(name)}
    return [_going(name) for name in sorted(names - known)]


def _ours(name: str) -> bool:
    return name.startswith(MARK) and name.endswith(".conf")


def _going(name: str) -> Site:
    return {"name": name, "files": [{"path": "sites-available/" + name, "content": None, "enabled": False}], "probes": []}


def differs(site: Site) -> bool:
    """Whether any file of a site is not as it should be."""
    return any(_differs(each) for each in wanted(site))


def _differs(each: File) -> bool:
    path, content, enabled = each
    linked = os.path.lexists(_link(path)) if _linkable(path) else enabled
    return _now(path) != content or atomic.read_or_none(_kept(path)) != content or linked != enabled


def diffs(site: Site) -> List[str]:
    """What changes in the texts."""
    changed = [each for each in wanted(site) if _now(each[0]) != each[1]]
    return [text_diff(_now(path), content, os.path.join(FOLDER, path)) for path, content, _enabled in changed]


def install(files: List[File]) -> None:
    """Write, link, or take away."""
    for path, content, enabled in files:
        whole, link = os.path.join(FOLDER, path), _link(path)
        if _linkable(path) and not enabled and os.path.lexists(link):
            os.unlink(link)
        if content is None:
            if os.path.lexists(whole):
                os.unlink(whole)
        elif _now(path) != content:
            atomic.write(whole, [content], 0o644, "root", "root")
        if _linkable(path) and enabled:
            atomic.replace_link(link, "../" + path)


def accept(site: Site) -> None:
    """Keep what is installed as the one to put back."""
    os.makedirs(ACCEPTED, mode=0o755, exist_ok=True)
    for path, content, _enabled in wanted(site):
        if content is not None:
            atomic.write(_kept(path), [content], 0o644, "root", "root")
        elif os.path.exists(_kept(path)):
            os.unlink(_kept(path))


def on_trial(sites: List[Site]) -> List[str]:
    """nginx's words about a copy of its configuration with these sites in it; nothing outside of the copy is touched."""
    with temporary.folder("nginx", "/run") as copy:
        shutil.copytree(FOLDER, copy, symlinks=True, dirs_exist_ok=True)
        for site in sites:
            for path, content, enabled in wanted(site):
                _install_copy(copy, path, content, enabled)
        for name in ("pid", "log"):
            os.mkdir(os.path.join(copy, name))
        for path in _texts(copy):
            _move(path, copy)
        return [line.replace(copy, FOLDER) for line in webserver.refused(os.path.join(copy, "nginx.conf"))]


def _install_copy(copy: str, path: str, content: Optional[bytes], enabled: bool) -> None:
    whole, link = os.path.join(copy, path), os.path.join(copy, "sites-enabled", os.path.basename(path))
    for old in (whole, link) if _linkable(path) else (whole,):
        if os.path.lexists(old):
            os.unlink(old)
    if content is not None:
        with open(whole, "wb") as handle:
            handle.write(content)
    if _linkable(path) and enabled:
        os.symlink("../" + path, link)


def _texts(copy: str) -> Iterator[str]:
    yield os.path.join(copy, "nginx.conf")
    for folder in ("sites-available", "conf.d"):
        for name in os.listdir(os.path.join(copy, folder)):
            path = os.path.join(copy, folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                yield path


def _move(path: str, copy: str) -> None:
    """A configuration that reads the copy and writes below it: already a test opens the logs."""
    with open(path, "r+b") as handle:
        text = _HTTPS.sub(lambda found: _https(found, copy), handle.read().decode("utf-8", "surrogateescape"))
        text = _PLACES.sub(lambda found: "%s/%s" % (copy, _MOVED[found.group(0)]), text)
        handle.seek(0)
        handle.truncate()
        handle.write(text.encode("utf-8", "surrogateescape"))


def _https(found: Match[str], copy: str) -> str:
    """A site's https is included by way of its certificate, from the folder itself: here from the copy."""
    there = os.path.exists(os.path.join(found.group(1), "site.conf"))
    return "include %s/sites-available/%s-%s.tls[.]conf;" % (copy, MARK, found.group(2)) if there else ""


def _now(path: str) -> Optional[bytes]:
    return atomic.read_or_none(os.path.join(FOLDER, path))


def _kept(path: str) -> str:
    return os.path.join(ACCEPTED, os.path.basename(path))


def _linkable(path: str) -> bool:
    return path.startswith("sites-available/")


def _link(path: str) -> str:
    return os.path.join(FOLDER, "sites-enabled", os.path.basename(path))
