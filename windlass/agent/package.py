"""How Debian packages are installed and removed."""

from __future__ import annotations

import os
import time
from typing import Any, Dict, List, Set, Tuple

from windlass.agent.core import locks, process
from windlass.agent.core.context import STATE, Context
from windlass.agent.core.dpkg import Status
from windlass.agent.core.outcome import Changes, OperationError, Outcome

LISTS = "/var/lib/apt/lists"
STATES = "/var/lib/apt/extended_states"
SOURCES = ("/etc/apt/sources.list", "/etc/apt/sources.list.d", "/etc/apt/sources.list.d/*")
STAMP = os.path.join(STATE, "apt-updated")
LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock")
OUTDATED = r"404|Unable to locate|no installation candidate|Hash Sum|was not found|Unable to fetch"
# Keep configuration files that somebody changed; restart nothing on one's own account (that is what operations are for).
QUIET = {
    "DEBIAN_FRONTEND": "noninteractive",
    "APT_LISTCHANGES_FRONTEND": "none",
    "NEEDRESTART_MODE": "l",
    "NEEDRESTART_SUSPEND": "1",
}
PATTERN = frozenset("*?[")
OPTIONS = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]


class Installed:
    """What dpkg knows, asked once for all operations of a batch as long as none changes anything."""

    def __init__(self) -> None:
        form = "${Package}\t${Architecture}\t${Version}\t${db:Status-Abbrev}\t${Essential}\t${Provides}\n"
        shown = process.must(["dpkg-query", "--show", "--showformat=" + form], limit=60)
        self.versions: Dict[str, str] = {}
        self.provided: Dict[str, str] = {}
        self.leftovers: List[str] = []
        self.broken: List[str] = []
        self.essential: Set[str] = set()
        own = ""
        for line in process.lines(shown.text):
            name, architecture, version, status, essential, provides = line.split("\t")
            own = architecture if name == "dpkg" else own
            self.essential.update([name] if essential == "yes" else ())
            self._add((name, "%s:%s" % (name, architecture)), version, status, provides)
        self.automatic = _automatic(own)

    def _add(self, names: Tuple[str, str], version: str, status: str, provides: str) -> None:
        state = status[1:2]
        if state == "i":
            self.versions.update(dict.fromkeys(names, version))
            self.provided.update((word.split()[0], names[0]) for word in provides.split(",") if word.strip())
        elif state == "c":
            self.leftovers += names
        elif state != "n":
            self.broken.append(names[0])

    def is_automatic(self, name: str) -> bool:
        """Whether it is there for others that need it alone, so that apt may remove it with them."""
        return name in self.versions and name not in self.essential and name in self.automatic

    def satisfies(self, wanted: str) -> bool:
        """Whether `name`, `name=version` or `name=1.*` is there; without a version a package that provides it will do."""
        name, _, version = wanted.partition("=")
        if version:
            import fnmatch  # noqa: PLC0415 - few versions are pinned

            return fnmatch.fnmatchcase(self.versions.get(name, ""), version)
        return name in self.versions or name in self.provided


def _automatic(own: str) -> Set[str]:
    """What apt notes as installed for the sake of others; a bare name is one of the machine's own architecture."""
    import re  # noqa: PLC0415 - where all is there, nobody gets here

    blocks = re.findall(r"^Package: (\S+)\nArchitecture: (\S+)\nAuto-Installed: 1$", _marks(), re.MULTILINE)
    return {name for name, architecture in blocks if architecture == own} | {"%s:%s" % block for block in blocks}


def _marks() -> str:
    try:
        with open(STATES, encoding="utf-8") as handle:
            return handle.read()
    except OSError:
        return ""


def _is_there(names: List[str], context: Context) -> bool:
    """Whether it is certain, without asking dpkg, that all of them are there, and for their own sake."""
    marks = context.known.ask("apt's marks", _marks)
    noted = any("Package: %s\n" % name.partition("=")[0] in marks for name in names)
    return not noted and bool(context.known.ask("dpkg's file", Status).surely_has(names))


def package(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Packages that are installed, or are not."""
    changes = Changes()
    if not arguments["absent"] and _is_there(arguments["names"], context):
        return changes.outcome(context.check)
    installed = context.known.ask("dpkg", Installed)
    if arguments["absent"]:
        _want_absent(changes, installed, arguments, context)
    else:
        _want_present(changes, installed, arguments, context)
    return changes.outcome(context.check)


def package_file(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A package from a file on the host."""
    path, changes = arguments["path"], Changes()
    if not os.path.isfile(path):
        if not (context.check and (context.expects_path(path) or context.expects_surprises())):
            raise OperationError("there is no file %s" % path, hint="add a Download for it before this operation")
        context.expect("package", path)
        return Outcome(True, "install %s" % os.path.basename(path), unknown=True)
    name, version = process.must(["dpkg-deb", "--show", "--showformat=${Package}\n${Version}", path], limit=60).text.split("\n")
    has = context.known.ask("dpkg", Installed).versions.get(name, "")
    if has == version or (has and not arguments["downgrade"] and _is_newer(has, version)):
        return Outcome(False)
    wanted = dict(arguments, recommends=False, update_after_hours=float("inf"))
    changes.unknown = bool(context.foresights) and not _is_offered([path], wanted)
    text = "install %s %s" % (name, version)
    changes.add(text, lambda: _install([path], wanted, context), "+%s %s%s" % (name, version, " (now %s)" % has if has else ""))
    context.expect("package", name)
    return changes.outcome(context.check)


def _is_newer(version: str, other: str) -> bool:
    return process.run(["dpkg", "--compare-versions", version, "gt", other], limit=60).status == 0


def _want_absent(changes: Changes, installed: Installed, arguments: Dict[str, Any], context: Context) -> None:
    gone = [name for name in arguments["names"] if name in installed.versions]
    if arguments["purge"]:
        gone += [name for name in arguments["names"] if name in installed.leftovers]
    if gone:
        verb = "purge" if arguments["purge"] else "remove"
        diff = "\n".join("-%s %s" % (name, installed.versions.get(name, "(configuration)")) for name in gone)
        changes.add("%s %s" % (verb, ", ".join(gone)), lambda: _must(_apt(verb, gone, arguments, context), []), diff)
        if context.foresights:
            context.foresights.removed(process.run(["dpkg", "--listfiles", *gone], limit=60).text.splitlines())


def _want_present(changes: Changes, installed: Installed, arguments: Dict[str, Any], context: Context) -> None:
    names = [name for name in arguments["names"] if not _foreseen_by(context, "package", name)]
    missing = [name for name in names if not installed.satisfies(name)]
    bare = [name.partition("=")[0] for name in names if name not in missing]
    kept = [name for name in bare if installed.is_automatic(name) and not _foreseen_by(context, "kept package", name)]
    if kept:
        diff = "\n".join("%s: stays when nothing needs it any more" % name for name in kept)
        changes.add("keep %s" % ", ".join(kept), lambda: process.must(["apt-mark", "manual", "--", *kept], limit=60), diff)
    for name in missing:  # as it was asked for, too: that another version will do then, nobody says
        context.expect("package", name)
        context.expect("package", name.partition("=")[0])
    for name in kept:
        context.expect("kept package", name)
    if not missing:
        return
    if installed.broken:
        changes.add("configure what was left half installed", lambda: _configure(arguments, context), "\n".join(installed.broken))
    foreseen = _foreseen(missing, arguments)
    text = "install %s" % ", ".join(missing)
    if context.foresights and not _is_offered(missing, arguments):
        changes.unknown, text = True, text + ": not by apt's present list"
    diff = "\n".join("+%s%s" % (name, _instead_of(name, installed, foreseen)) for name in missing)
    changes.add(text, lambda: _install(missing, arguments, context), diff)


def _is_offered(missing: List[str], arguments: Dict[str, Any]) -> bool:
    """Whether apt would install them all by the list of packages that is there. With another list only a run can tell."""
    return _simulated(missing, arguments).status == 0


def _simulated(names: List[str], arguments: Dict[str, Any]) -> process.Completed:
    recommends = "--install-recommends" if arguments["recommends"] else "--no-install-recommends"
    command = ["apt-get", "--simulate", "--quiet=2", recommends, "--allow-downgrades", "install", "--", *names]
    return process.run(command, extra=QUIET, limit=float(arguments["limit_seconds"]))


def _foreseen_by(context: Context, kind: str, name: str) -> bool:
    """Whether an earlier operation of this check would have seen to it."""
    return context.check and context.expected(kind, name)


def _foreseen(missing: List[str], arguments: Dict[str, Any]) -> Dict[str, str]:
    """Which versions apt takes for those with a star, by the list of packages that is there; none where it cannot tell."""
    starred = [name for name in missing if PATTERN & set(name.partition("=")[2])]
    if not starred:
        return {}
    import re  # noqa: PLC0415 - as above

    shown = _simulated(starred, arguments)
    return dict(re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+)", shown.text, re.MULTILINE)) if shown.status == 0 else {}


def _instead_of(wanted: str, installed: Installed, foreseen: Dict[str, str]) -> str:
    name, _, version = wanted.partition("=")
    will, has = foreseen.get(name, "") if PATTERN & set(version) else "", installed.versions.get(name)
    words = (["%s by the present list" % will] if will else []) + (["now %s" % has] if has else [])
    return " (%s)" % ", ".join(words) if words else ""


def _configure(arguments: Dict[str, Any], context: Context) -> None:
    _wait_for_locks(arguments, context)
    limit = float(arguments["limit_seconds"])
    process.must(["dpkg", "--force-confdef", "--force-confold", "--configure", "--pending"], extra=QUIET, limit=limit)


def _install(names: List[str], arguments: Dict[str, Any], context: Context) -> None:
    """One call of apt-get; if the list of packages turns out to be too old, a fresh one and one more call."""
    fresh = list_is_old(float(arguments["update_after_hours"]), time.time())
    import re  # noqa: PLC0415 - as above

    complaint = _update(arguments, context) if fresh else []
    completed = _apt("install", names, arguments, context)
    if completed.status != 0 and not fresh and re.search(OUTDATED, completed.errors.decode("utf-8", "replace")):
        context.note("the list of packages is outdated, fetching it")
        complaint = _update(arguments, context)
        completed = _apt("install", names, arguments, context)
    _must(completed, complaint)


def _must(completed: process.Completed, complaint: List[str]) -> None:
    if completed.status != 0:
        raise OperationError(
            "apt-get ended with status %d" % completed.status,
            hint="check the names, the package sources and the way to them",
            last_lines=complaint + completed.last_lines(12),
        )


def _apt(verb: str, names: List[str], arguments: Dict[str, Any], context: Context) -> process.Completed:
    _wait_for_locks(arguments, context)
    recommends = "--install-recommends" if arguments["recommends"] else "--no-install-recommends"
    pinned = ["--allow-downgrades"] if any("=" in name for name in names) or arguments.get("downgrade") else []
    wait = ["-o", "DPkg::Lock::Timeout=%d" % arguments["lock_seconds"]]
    command = ["apt-get", "--yes", "--quiet=2", recommends] + pinned + OPTIONS + wait + [verb, "--"] + names
    return process.run(command, extra=QUIET, limit=float(arguments["limit_seconds"]))


def list_is_old(hours: float, now: float) -> bool:
    """Whether the list of packages is empty, older than the limit, or older than the files that name the sources."""
    import glob  # noqa: PLC0415 - as above

    if not glob.glob(LISTS + "/*Packages*"):
        return True
    made = max(_changed_at(path) for path in (STAMP, LISTS, LISTS + "/partial"))
    sources = [_changed_at(path) for pattern in SOURCES for path in glob.glob(pattern)]
    return now - made > hours * 3600 or max(sources, default=0.0) > made


def _changed_at(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def _update(arguments: Dict[str, Any], context: Context) -> List[str]:
    """Fetch the list of packages. What goes wrong is said, and matters only if the packages cannot be installed then."""
    _wait_for_locks(arguments, context)
    command = ["apt-get", "--quiet=2", "-o", "APT::Update::Error-Mode=any", "update"]
    completed = process.run(command, extra=QUIET, limit=float(arguments["limit_seconds"]))
    if completed.status != 0:
        lines = completed.last_lines(8)
        context.note("the list of packages could not be fetched: %s" % (lines[-1] if lines else "apt-get said nothing"))
        return lines
    os.makedirs(STATE, mode=0o755, exist_ok=True)
    with open(STAMP, "w", encoding="ascii"):
        pass
    os.utime(STAMP)
    return []


def fetch_list(limit_seconds: float, lock_seconds: float, context: Context) -> None:
    """The same, for whoever needs a fresh list before there is anything to install."""
    _update({"limit_seconds": limit_seconds, "lock_seconds": lock_seconds}, context)


def _wait_for_locks(arguments: Dict[str, Any], context: Context) -> None:
    """apt-get itself waits for one of its locks only, and says nothing meanwhile."""
    locks.wait_until_free(LOCKS, float(arguments["lock_seconds"]), context)
