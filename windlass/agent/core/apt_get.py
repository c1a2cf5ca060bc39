"""How apt-get is called: when nobody else is at it, with a list of packages that is fresh enough, and without questions."""

from __future__ import annotations

import os
import time
from typing import Any, Dict, List, Mapping

from windlass.agent.core import locks, process
from windlass.agent.core.context import STATE, Context
from windlass.agent.core.outcome import OperationError

LISTS = "/var/lib/apt/lists"
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
OPTIONS = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]


def must(completed: process.Completed, complaint: List[str]) -> None:
    """Raise OperationError, with what apt has said, unless it ended well."""
    if completed.status != 0:
        raise OperationError(
            "apt-get ended with status %d" % completed.status,
            hint="check the names, the package sources and the way to them",
            last_lines=complaint + completed.last_lines(12),
        )


def call(verb: str, names: List[str], arguments: Dict[str, Any], context: Context) -> process.Completed:
    """One call of apt-get, when nobody holds its locks any more; how it ended is the caller's to judge."""
    wait_for_locks(arguments, context)
    wait = ["-o", "DPkg::Lock::Timeout=%d" % arguments["lock_seconds"]]
    command = ["apt-get", "--yes", "--quiet=2", *_choices(names, arguments), *OPTIONS, *wait, verb, "--", *names]
    return process.run(command, extra=QUIET, limit=float(arguments["limit_seconds"]))


def simulated(words: List[str], arguments: Mapping[str, Any], verb: str = "install") -> process.Completed:
    """What apt would do, and what would come and go with it, by the list of packages that is there."""
    command = ["apt-get", "--simulate", "--quiet=2", *_choices(words, arguments), verb, "--", *words]
    return process.run(command, extra=QUIET, limit=float(arguments["limit_seconds"]))


def _choices(names: List[str], arguments: Mapping[str, Any]) -> List[str]:
    """An older version comes only where one is asked for."""
    older = any("=" in name for name in names) or arguments.get("downgrade")
    recommends = "--install-recommends" if arguments["recommends"] else "--no-install-recommends"
    return [recommends, "--allow-downgrades"] if older else [recommends]


def configure(arguments: Dict[str, Any], context: Context) -> None:
    """Finish what an apt that broke off has unpacked and not set up. Raises OperationError."""
    wait_for_locks(arguments, context)
    limit = float(arguments["limit_seconds"])
    process.must(["dpkg", "--force-confdef", "--force-confold", "--configure", "--pending"], extra=QUIET, limit=limit)


def install(names: List[str], arguments: Dict[str, Any], context: Context) -> None:
    """One call of apt-get; if the list of packages turns out to be too old, a fresh one and one more call."""
    fresh = list_is_old(float(arguments["update_after_hours"]), time.time())
    import re  # noqa: PLC0415 - where all is there, nobody gets here

    complaint = _update(arguments, context) if fresh else []
    completed = call("install", names, arguments, context)
    if completed.status != 0 and not fresh and re.search(OUTDATED, completed.errors.decode("utf-8", "replace")):
        context.note("the list of packages is outdated, fetching it")
        complaint = _update(arguments, context)
        completed = call("install", names, arguments, context)
    must(completed, complaint)


def list_is_old(hours: float, now: float) -> bool:
    """Whether the list of packages is empty, older than the limit, or older than the files that name the sources."""
    import glob  # noqa: PLC0415 - where all is there, nobody gets here

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
    wait_for_locks(arguments, context)
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


def wait_for_locks(arguments: Dict[str, Any], context: Context) -> None:
    """apt-get itself waits for one of its locks only, and says nothing meanwhile."""
    locks.wait_until_free(LOCKS, float(arguments["lock_seconds"]), context)
