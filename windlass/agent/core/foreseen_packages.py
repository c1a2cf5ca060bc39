"""What a check foresees of packages. apt is asked what it would do about all that operations have asked for up to here."""

from __future__ import annotations

import copy
import os
import re
import time
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Set

from windlass.agent.core import apt_get, process
from windlass.agent.core.context import Context
from windlass.agent.core.installed import Installed, besides

INFO = "/var/lib/dpkg/info"
UNSURE = "whether anything else comes or goes: unknown until run"
STEP = re.compile(r"^(Inst|Remv|Purg) (\S+)(?: \[[^\]]*\])?(?: \((\S+))?", re.MULTILINE)


class Foretold(NamedTuple):
    """What apt says that it cannot do, if that is so; what comes and goes, in words and as a diff."""

    refused: Optional[process.Completed]
    text: str
    diff: str


class Packages:
    """What was asked for in this check, and how the host's packages would be then."""

    def __init__(self, installed: Installed) -> None:
        self.installed = installed
        self.asked: Set[str] = set()  # as operations said it, versions included
        self._host = installed
        self._words: Dict[str, str] = {}  # as apt takes them, by the package's name
        self._recommends: Optional[bool] = None
        self._sure = True

    def foresee(self, verb: str, wanted: Mapping[str, str], arguments: Mapping[str, Any], context: Context) -> Foretold:
        """What comes and goes with packages, which are here by name as apt takes them."""
        sign = "" if verb == "install" else "-"
        words = {name: word for name, word in self._words.items() if name not in wanted}
        words.update((name, word + sign) for name, word in wanted.items())
        together = apt_get.simulated(list(words.values()), arguments)
        alone = together if together.status == 0 else apt_get.simulated(list(wanted.values()), arguments, verb)
        if alone.status != 0 or self._recommends not in (None, arguments["recommends"]) or _doubtful(verb, arguments, context):
            self._sure = False
        if self._host.broken:  # they are configured before, and what they bring or break is seen then
            self._sure = False
        self._recommends, before = bool(arguments["recommends"]), self.installed
        if together.status == 0:
            self._words, steps = words, STEP.findall(together.text)
            after = _after(self._host, steps)
        else:
            self._sure = False
            after = _after(before, [("Remv" if sign else "Inst", name, "?") for name in wanted])
        self._settle(after, verb, wanted)
        text, diff = besides(before.packages(), after.packages(), wanted)
        lines = [each for each in (diff, "" if self._sure else UNSURE) if each]
        return Foretold(alone if alone.status != 0 else None, text, "\n".join(lines))

    def _settle(self, after: Installed, verb: str, wanted: Mapping[str, str]) -> None:
        """What came with others is there for their sake; what was asked for is not."""
        if verb == "install":
            came = set(after.versions) - set(self._host.versions)
            after.automatic = (self._host.automatic | came).difference(self._words)
            self.asked.update(wanted.values())
        else:
            self.asked = {each for each in self.asked if after.shown(each) not in wanted}
            left = [name for name in wanted if verb == "remove" and name in self.installed.versions and _leaves_something(name)]
            after.leftovers = [name for name in after.leftovers if name not in wanted] + left
        self.installed = after


def of(context: Context) -> Packages:
    """Those of this check; nothing is asked for yet in the first operation that changes any."""
    if context.foresights.packages is None:
        context.foresights.packages = Packages(context.known.ask("dpkg", Installed))
    found: Packages = context.foresights.packages
    return found


def _doubtful(verb: str, arguments: Mapping[str, Any], context: Context) -> bool:
    """Whether what apt would do now may not be what it does in a run."""
    changed = context.expects_any("command") or context.expects_below("/etc/apt")
    other = any(context.expects_any(kind) for kind in ("hold", "unhold", "upgrade"))
    return changed or other or (verb == "install" and apt_get.list_is_old(float(arguments["update_after_hours"]), time.time()))


def _after(installed: Installed, steps: List[Any]) -> Installed:
    """How it is when apt has done this."""
    after = copy.copy(installed)
    after.versions, after.leftovers = dict(installed.versions), list(installed.leftovers)
    for verb, name, version in steps:
        bare, _, architecture = name.partition(":")
        names = {name, bare if not architecture else name, "%s:%s" % (bare, architecture or installed.own), "%s:all" % bare}
        for each in names:
            after.versions.pop(each, None)
        if verb == "Inst":
            after.versions.update(dict.fromkeys((name, "%s:%s" % (bare, architecture or installed.own)), version))
    return after


def _leaves_something(name: str) -> bool:
    """Whether dpkg keeps a note of it when it is removed: for its configuration, or for a script that clears up."""
    return any(os.path.exists("%s/%s.%s" % (INFO, name, what)) for what in ("conffiles", "postrm"))
