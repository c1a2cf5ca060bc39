"""Looking at the processes of a slot: are they the right ones, do they answer, are they left alone?"""

from __future__ import annotations

import json
import os
import stat
import time
from typing import Any, BinaryIO, Dict, List, Optional, Set

from windlass.agent.core import containers, sockets, usage
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError, Outcome

PROBE_LIMIT = 5.0
INTERVAL = 0.1
MOST_STARTS = 3  # a process that was started this often before it served once will not get better
LOG_LINES = 25
START_MARK = "--- windlass starts "  # the launcher's first line in the log

Instance = Dict[str, Any]
MEND = "the release never got a request; mend it and deploy again"
OR_ASK = ", or say in `health` of the inventory which path, status and text are right"


def gate(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Fit, and fit for a while without a restart."""
    if context.check:
        return Outcome(False, unknown=True)
    instances = arguments["instances"]
    starts = _ready(instances, arguments["limit_seconds"], context)
    stable = time.monotonic() + arguments["stable_seconds"]
    while time.monotonic() < stable:
        context.wait(INTERVAL)
        bad = failing(instances, starts)
        if bad:
            raise _refused(bad, "did not stay up for %g s" % arguments["stable_seconds"])
    return Outcome(False, "%d fit" % len(instances))


def _ready(instances: List[Instance], limit: float, context: Context) -> Dict[str, int]:
    """Wait until all are fit. Gives how often each was started."""
    deadline = time.monotonic() + limit
    while True:
        counted = starts_of(instances)
        bad = first_unfit(instances)
        if not bad:
            return counted
        if counted[bad["name"]] >= MOST_STARTS:
            raise _refused(bad, "was started %d times and did not stay" % counted[bad["name"]])
        if time.monotonic() > deadline:
            raise _refused(bad, "was not ready after %g s" % limit)
        context.wait(INTERVAL)


def failing(instances: List[Instance], starts: Dict[str, int]) -> Optional[Instance]:
    """The first instance that is not fit, or was started again since, with the reason under `why`."""
    bad = first_unfit(instances)
    if bad:
        return bad
    for instance in instances:
        if _starts(instance) != starts[instance["name"]]:
            return dict(instance, why="it was restarted")
    return None


def first_unfit(instances: List[Instance]) -> Optional[Instance]:
    """The first instance that is not fit, with the reason under `why`."""
    for instance in instances:
        why = unfit(instance)
        if why:
            return dict(instance, why=why)
    return None


def starts_of(instances: List[Instance]) -> Dict[str, int]:
    """How often each instance was started."""
    return {instance["name"]: _starts(instance) for instance in instances}


def _refused(instance: Instance, what: str) -> OperationError:
    return OperationError(
        "%s %s: %s%s" % (instance["name"], what, instance["why"], _elsewhere(instance)),
        hint=MEND + (OR_ASK if "answers" in instance["why"] else ""),
        last_lines=last_words(instance["log"]),
        data={"instance": instance["name"], "why": instance["why"]},
    )


def _elsewhere(instance: Instance) -> str:
    """Where it listens that should listen at another place: most often it has not read which."""
    pid = _pid(instance)
    if not pid or not instance["listen"] or instance.get("containers") or sockets.listening_inodes(instance["listen"]):
        return ""
    places = sorted(sockets.listened_at(_family(pid)))
    return "; it listens on %s instead: has it been told where?" % ", ".join(places) if places else ""


def last_words(path: str) -> List[str]:
    """What the process wrote since it was last started, of that the last lines."""
    lines = last_lines(path, 400)
    starts = [index for index, line in enumerate(lines) if line.startswith(START_MARK)]
    if len(starts) > 1 and starts[-1] == len(lines) - 1 and lines[starts[-1]] == lines[starts[-2]]:
        starts.pop()  # it has just been started once more, of the same release, and has said nothing yet
    return lines[starts[-1] if starts else 0 :][-LOG_LINES:]


def last_lines(path: str, count: int) -> List[str]:
    """The end of a log file; empty where there is none."""
    try:
        with _opened(path) as handle:
            handle.seek(max(0, os.fstat(handle.fileno()).st_size - 64 * 1024))
            return handle.read().decode("utf-8", "replace").splitlines()[-count:]
    except OSError:
        return []


def _opened(path: str) -> BinaryIO:
    """A regular file in a folder of the application's: a link is not followed, and a pipe does not make us wait."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("%s is not a regular file" % path)
    return os.fdopen(descriptor, "rb")


def unfit(instance: Instance) -> str:
    """Why an instance is not fit to serve; empty if it is."""
    pid = _pid(instance)
    if not pid:
        return "it is not running"
    if _folder(pid) != os.path.realpath(instance["folder"]):
        return "process %d does not run in %s" % (pid, instance["folder"])
    astray = containers.unfit(instance) if instance.get("containers") else _deaf(instance, pid)
    return astray or (_sick(instance) if instance["listen"] else "")


def _deaf(instance: Instance, pid: int) -> str:
    """Why it does not listen where it should; empty if it does, or if it need not."""
    if not instance["listen"]:
        return ""
    inodes = sockets.listening_inodes(instance["listen"])
    if not inodes:
        return "nothing listens on %s yet" % instance["listen"]
    if not any(sockets.holds_socket(each, inodes) for each in _family(pid)):
        return "%s belongs to another process" % instance["listen"]
    return ""


def _sick(instance: Instance) -> str:
    """Why the answer to the health request is not good; empty if it is."""
    health = instance["health"]
    if not health:
        return ""
    try:
        status, body = sockets.get(instance["listen"], health["path"], PROBE_LIMIT)
    except OSError as error:
        return "no answer to %s: %s" % (health["path"], error)
    if status != health["status"]:
        return "%s answers %d instead of %d: %s" % (health["path"], status, health["status"], body.strip()[:200])
    if health["contains"] and health["contains"] not in body:
        return "%s answers without %r" % (health["path"], health["contains"])
    if health["release_key"] and _answered_release(body, health["release_key"]) != health["release"]:
        return "%s does not answer as release %s" % (health["path"], health["release"])
    return ""


def _answered_release(body: str, key: str) -> str:
    try:
        value = json.loads(body)
    except ValueError:
        return ""
    return str(value.get(key, "")) if isinstance(value, dict) else ""


def _pid(instance: Instance) -> int:
    """The process id that the launcher wrote, if that process lives."""
    try:
        with _opened(instance["run"] + ".pid") as handle:
            pid = int(handle.read(20))
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as handle:
            state = handle.read().rsplit(")", 1)[1].split()[0]
    except (OSError, ValueError, IndexError):
        return 0
    return 0 if state == "Z" else pid


def _folder(pid: int) -> str:
    try:
        return os.readlink("/proc/%d/cwd" % pid)
    except OSError:
        return ""


def _family(pid: int) -> Set[int]:
    """A process and its descendants: `npm start` and its like are not the ones who listen."""
    children: Dict[int, List[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, encoding="utf-8", errors="replace") as handle:
                    children.setdefault(int(handle.read().rsplit(")", 1)[1].split()[1]), []).append(int(name))
            except (OSError, ValueError, IndexError):
                continue
    found, waiting = {pid}, [pid]
    while waiting:
        for child in children.get(waiting.pop(), []):
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found


def _starts(instance: Instance) -> int:
    """How often it was started: by its launcher, and by Docker if it is containers."""
    again = containers.restarts(instance) if instance.get("containers") else 0
    try:
        return os.path.getsize(instance["run"] + ".starts") + again
    except OSError:
        return again


def _members(instance: Instance, pid: int) -> Set[int]:
    """All of its processes: the launcher's, and those in its containers, whose parent is Docker."""
    pids = containers.pids(instance) if instance.get("containers") else []
    return _family(pid).union(*(_family(each) for each in pids))


def inspect(arguments: Dict[str, Any], context: Context) -> Outcome:
    """One look at each instance."""
    instances = arguments["instances"]
    counts = sockets.connections([instance["listen"] for instance in instances if instance["listen"]])
    busy = _busy(instances, arguments["sample_seconds"], context)
    seen = {instance["name"]: dict(_seen(instance, counts), cpu=busy.get(instance["name"], 0.0)) for instance in instances}
    return Outcome(False, data=seen)


def _busy(instances: List[Instance], seconds: float, context: Context) -> Dict[str, float]:
    """What part of one core each instance uses with its children, in percent, over so many seconds."""
    if not seconds:
        return {}
    running = ((each, _pid(each)) for each in instances)
    families = {instance["name"]: _members(instance, pid) for instance, pid in running if pid}
    before, began = {name: usage.cpu_seconds(pids) for name, pids in families.items()}, time.monotonic()
    context.wait(seconds)
    spent = time.monotonic() - began
    used = {name: usage.cpu_seconds(pids) - before[name] for name, pids in families.items()}
    return {name: round(100 * max(0.0, each) / spent, 1) for name, each in used.items()}


def _seen(instance: Instance, counts: Dict[str, int]) -> Dict[str, Any]:
    pid = _pid(instance)
    why = unfit(instance)
    return {
        "pid": pid,
        "running": bool(pid),
        "healthy": not why,
        "why": why,
        "uptime": _age(instance["run"] + ".pid") if pid else 0.0,
        "memory": usage.memory(_members(instance, pid)) if pid else 0,
        "starts": _starts(instance),
        "connections": counts.get(instance["listen"], 0),
    }


def _age(path: str) -> float:
    """Seconds since a file was written, 0 if it is gone."""
    try:
        return round(max(0.0, time.time() - os.lstat(path).st_mtime), 1)
    except OSError:
        return 0.0


def drain(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Wait for the last connection to end, up to the limit."""
    if context.check:
        return Outcome(False)
    deadline = time.monotonic() + arguments["limit_seconds"]
    empty: Optional[float] = None  # since when
    while True:
        left = sum(sockets.connections(arguments["listens"]).values())
        now = time.monotonic()
        empty = None if left else empty or now
        if now >= deadline or (empty and now - empty >= arguments["quiet_seconds"]):
            return Outcome(bool(left), "%d left" % left if left else "drained", data={"left": left})
        context.wait(INTERVAL)
