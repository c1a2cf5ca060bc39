"""How Debian packages are installed and removed."""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Dict, List, Tuple

from windlass.agent.core import apt_get, modules, process
from windlass.agent.core.context import Context
from windlass.agent.core.dpkg import Status
from windlass.agent.core.installed import Installed, besides, marks
from windlass.agent.core.outcome import Changes, OperationError, Outcome

FORESEEN = "windlass.agent.core.foreseen_packages"  # comes for a check
PATTERN = frozenset("*?[")


def _is_there(names: List[str], context: Context) -> bool:
    """Whether it is certain, without asking dpkg, that all of them are there, and for their own sake."""
    if context.foresights and context.foresights.packages:
        return False
    noted = context.known.ask("apt's marks", marks)
    automatic = any("Package: %s\n" % name.partition("=")[0] in noted for name in names)
    return not automatic and bool(context.known.ask("dpkg's file", Status).surely_has(names))


def package(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Packages that are installed, or are not."""
    changes = Changes()
    if not arguments["absent"] and _is_there(arguments["names"], context):
        return changes.outcome(context.check)
    installed = _installed(context)
    if arguments["absent"]:
        _want_absent(changes, installed, arguments, context)
    else:
        _want_present(changes, installed, arguments, context)
    return changes.outcome(context.check)


def _installed(context: Context) -> Installed:
    """What is there; in a check, after what earlier operations ask for."""
    if context.foresights and context.foresights.packages:
        foreseen: Installed = context.foresights.packages.installed
        return foreseen
    found: Installed = context.known.ask("dpkg", Installed)
    return found


def package_file(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A package from a file on the host."""
    path, changes = arguments["path"], Changes()
    if context.foreseen(path) or not os.path.isfile(path):
        if not (context.check and (context.expects_path(path) or context.expects_surprises())):
            raise OperationError("there is no file %s" % path, hint="add a Download for it before this operation")
        context.expect("package", path)
        return Outcome(True, "install %s" % os.path.basename(path), unknown=True)
    form = "--showformat=${Package}\n${Version}\n${Architecture}"
    name, version, architecture = process.must(["dpkg-deb", "--show", form, path], limit=60).text.split("\n")
    installed = _installed(context)
    has = installed.versions.get(name, "")
    if has == version or (has and not arguments["downgrade"] and _is_newer(has, version)):
        return Outcome(False)
    wanted = dict(arguments, recommends=False, update_after_hours=float("inf"))
    diff = "+%s %s%s" % (name, version, " (now %s)" % has if has else "")
    words = {installed.shown("%s:%s" % (name, architecture)): path}
    _want(changes, ("install", "install %s %s" % (name, version), diff), words, wanted, context)
    context.expect("package", name)
    return changes.outcome(context.check)


def _is_newer(version: str, other: str) -> bool:
    return process.run(["dpkg", "--compare-versions", version, "gt", other], limit=60).status == 0


def _want(changes: Changes, told: Tuple[str, str, str], words: Dict[str, str], arguments: Dict[str, Any], context: Context) -> None:
    """Add a call of apt-get: its verb, what is told of it, and packages by name as apt takes them. What comes and goes with them
    is told, too."""
    verb, text, diff = told

    def act() -> None:
        before = Installed().packages()
        if verb == "install":
            apt_get.install(list(words.values()), arguments, context)
        else:
            apt_get.must(apt_get.call(verb, list(words.values()), arguments, context), [])
        changes.tell(*besides(before, Installed().packages(), words))

    foretold = context.foresights and _foretold(verb, words, arguments, context)
    if foretold and foretold.refused:
        changes.unknown, text = True, text + ": not by apt's present list"
    changes.add(text, act, diff)
    if foretold:
        changes.tell(foretold.text, foretold.diff)


def _foretold(verb: str, words: Dict[str, str], arguments: Dict[str, Any], context: Context) -> Any:
    """Of a check. Raises OperationError for what apt does not take away, as the run would."""
    is_first = context.foresights.packages is None
    foretold = modules.get(FORESEEN, context).of(context).foresee(verb, words, arguments, context)
    if foretold.refused and verb != "install" and is_first:
        apt_get.must(foretold.refused, [])
    return foretold


def _want_absent(changes: Changes, installed: Installed, arguments: Dict[str, Any], context: Context) -> None:
    gone = [name for name in arguments["names"] if name in installed.versions]
    if arguments["purge"]:
        gone += [name for name in arguments["names"] if name in installed.leftovers]
    if gone:
        verb = "purge" if arguments["purge"] else "remove"
        diff = "\n".join("-%s %s" % (name, installed.versions.get(name, "(configuration)")) for name in gone)
        words = {installed.shown(name): name for name in gone}
        before = set(installed.versions)
        _want(changes, (verb, "%s %s" % (verb, ", ".join(gone)), diff), words, arguments, context)
        if context.foresights:
            names = [*gone, *before.difference(_installed(context).versions)]
            context.foresights.removed(process.run(["dpkg", "--listfiles", *names], limit=60).text.splitlines())


def _want_present(changes: Changes, installed: Installed, arguments: Dict[str, Any], context: Context) -> None:
    names = [name for name in arguments["names"] if not _is_asked_for(name, context)]
    missing = [name for name in names if not installed.satisfies(name)]
    bare = [name.partition("=")[0] for name in names if name not in missing]
    kept = [
        name for name in bare if installed.is_automatic(name) and not (context.check and context.expected("kept package", name))
    ]
    if kept:
        diff = "\n".join("%s: stays when nothing needs it any more" % name for name in kept)
        changes.add("keep %s" % ", ".join(kept), lambda: process.must(["apt-mark", "manual", "--", *kept], limit=60), diff)
    for name in missing:
        context.expect("package", name.partition("=")[0])
    for name in kept:
        context.expect("kept package", name)
    if not missing:
        return
    if installed.broken:
        configure = partial(apt_get.configure, arguments, context)
        changes.add("configure what was left half installed", configure, "\n".join(installed.broken))
    foreseen = _foreseen(missing, arguments)
    diff = "\n".join("+%s%s" % (name, _instead_of(name, installed, foreseen)) for name in missing)
    words = {installed.shown(name): name for name in missing}
    _want(changes, ("install", "install %s" % ", ".join(missing), diff), words, arguments, context)


def _is_asked_for(name: str, context: Context) -> bool:
    """Whether an earlier operation of this check asked for it in the same words: that another version will do then, nobody says."""
    return bool(context.foresights and context.foresights.packages and name in context.foresights.packages.asked)


def _foreseen(missing: List[str], arguments: Dict[str, Any]) -> Dict[str, str]:
    """Which versions apt takes for those with a star, by the list of packages that is there; none where it cannot tell."""
    starred = [name for name in missing if PATTERN & set(name.partition("=")[2])]
    if not starred:
        return {}
    import re  # noqa: PLC0415 - where all is there, nobody gets here

    shown = apt_get.simulated(starred, arguments)
    return dict(re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+)", shown.text, re.MULTILINE)) if shown.status == 0 else {}


def _instead_of(wanted: str, installed: Installed, foreseen: Dict[str, str]) -> str:
    name, _, version = wanted.partition("=")
    will, has = foreseen.get(name, "") if PATTERN & set(version) else "", installed.versions.get(name)
    words = (["%s by the present list" % will] if will else []) + (["now %s" % has] if has else [])
    return " (%s)" % ", ".join(words) if words else ""
