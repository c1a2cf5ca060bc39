"""Reading and changing which release of an application is where on this host."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import Any, Dict, List, Optional

from windlass.agent.core import atomic, holding, process, reserve
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError, Outcome

SLOTS = ("blue", "green")
PROGRESS = "progress.json"
PAST_THE_GATE = ("switch", "settle")  # the steps of a deploy that are not given up for want of a little room
MOST_OF_JOURNAL = 512 * 1024  # bytes: some hundred deploys
SWITCHED = "the last switch"  # by the monotonic clock
SITE = "/etc/nginx/sites-enabled/windlass-%s.conf"


def release_state(arguments: Dict[str, Any], context: Context) -> Outcome:
    """All that is known here about releases and slots."""
    root = arguments["root"]
    space = os.statvfs(root if os.path.isdir(root) else "/")
    data = {
        "live": _live(root),
        "slots": {slot: _read(os.path.join(root, "slots", slot, "slot.json")) for slot in SLOTS},
        "records": _records(root),
        "releases": _names(os.path.join(root, "releases")),
        "progress": _read(os.path.join(root, PROGRESS)),
        "free_bytes": space.f_bavail * space.f_frsize,
        "holder": holding.holder_of(arguments["lock"], context) if arguments["lock"] else {},
    }
    return Outcome(False, data=data)


def _live(root: str) -> str:
    try:
        return os.path.basename(os.readlink(os.path.join(root, "live")))
    except OSError:
        return ""


def _read(path: str) -> Dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as handle:
            value = json.load(handle)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _names(folder: str) -> List[str]:
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError:
        return []


def _records(root: str) -> Dict[str, Dict[str, Any]]:
    folder = os.path.join(root, "records")
    return {name[:-5]: _read(os.path.join(folder, name)) for name in _names(folder) if name.endswith(".json")}


def _write(path: str, value: Dict[str, Any]) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    atomic.write(path, [json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"], 0o600)


def _journal(root: str, entry: Dict[str, Any]) -> None:
    """For people who look back. What is older than the last two files of it goes."""
    path = os.path.join(root, "journal")
    if os.path.exists(path) and os.path.getsize(path) > MOST_OF_JOURNAL:
        os.replace(path, path + ".1")
    with open(path, "a", encoding="utf-8") as handle:
        handle.write(json.dumps(dict(entry, at=time.time()), sort_keys=True) + "\n")
        handle.flush()
        os.fsync(handle.fileno())


def progress(arguments: Dict[str, Any], context: Context) -> Outcome:
    """The entry is on disk before what it announces is done."""
    root, entry = arguments["root"], arguments["entry"]
    if context.check:
        return Outcome(True)
    if entry.get("action") != "deploy" or entry.get("step") in PAST_THE_GATE:
        reserve.give_way(root)
    _journal(root, entry or {"step": "end"})
    path = os.path.join(root, PROGRESS)
    if entry:
        _write(path, dict(entry, at=time.time()))
        return Outcome(True)
    if os.path.exists(path):
        os.unlink(path)
        atomic.sync_folder(root)
    reserve.keep(root)
    return Outcome(True)


def record(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Merge values into a release's record."""
    path = os.path.join(arguments["root"], "records", arguments["release"] + ".json")
    before = _read(path)
    values = arguments["values"]
    if arguments["went_live"]:
        values = dict(values, live_at=arguments["went_live"] + max(0.0, context.kept.get(SWITCHED, 0.0) - context.began))
    after = dict(before, **values)
    if after == before:
        return Outcome(False)
    if not context.check:
        reserve.give_way(arguments["root"])
        _write(path, after)
        _journal(arguments["root"], {"release": arguments["release"], "record": values})
    return Outcome(True)


def switch(arguments: Dict[str, Any], context: Context) -> Outcome:
    """One rename."""
    root, slot = arguments["root"], arguments["slot"]
    before = _live(root)
    data = {"before": before, "milliseconds": 0.0}
    if before == slot:
        if not context.check:
            _show(root, before)  # a run that broke off may have left nginx with the other one
        return Outcome(False, data=data)
    if not os.path.isdir(os.path.join(root, "slots", slot)):
        raise OperationError("there is no slot %s in %s" % (slot, root))
    if context.check:
        return Outcome(True, "%s becomes %s" % (before or "nothing", slot), data=data)
    started = time.perf_counter()
    _point(root, slot)
    _show(root, before)
    context.kept[SWITCHED] = time.monotonic()
    data["milliseconds"] = round((time.perf_counter() - started) * 1000, 3)
    atomic.sync_folder(root)
    return Outcome(True, "%s becomes %s" % (before or "nothing", slot), data=data)


def _point(root: str, slot: str) -> None:
    reserve.give_way(root)
    atomic.replace_link(os.path.join(root, "live"), os.path.join("slots", slot))


def _show(root: str, before: str) -> None:
    """An nginx that looks at `live` only when it loads is reloaded; if it objects, the switch is undone."""
    if not _is_read_at_load(root):
        return
    tested = process.run(["nginx", "-t", "-q"])
    if tested.status == 0:
        tested = process.run(["systemctl", "reload", "nginx"])
    if tested.status == 0:
        return
    switch_back(root, before)
    raise OperationError(
        "nginx does not accept the switch; %s" % ("%s is live as before" % before if before else "nothing is live"),
        hint="run nginx -t on the host to see what is wrong with its configuration",
        last_lines=tested.last_lines(),
    )


def _is_read_at_load(root: str) -> bool:
    """Whether this application's site is one that an earlier version of ours wrote, which includes the ports of what is live."""
    try:
        with open(SITE % os.path.basename(root), encoding="utf-8") as handle:
            return "include %s/live/upstream" % root in handle.read()
    except OSError:
        return False


def switch_back(root: str, before: str) -> None:
    """Back to the slot that was live; before the first release there was none."""
    if before:
        _point(root, before)
    else:
        os.unlink(os.path.join(root, "live"))
    if _is_read_at_load(root):
        process.run(["systemctl", "reload", "nginx"])
    atomic.sync_folder(root)


def remember_way_back(root: str, why: str) -> None:
    """Note in the run's entry that the host has switched back by itself: who comes next is told, whoever has left."""
    _remember(root, {"went_back": why}, {"step": "went back", "why": why})


def remember_watched(root: str) -> None:
    """Note in the run's entry that the watch came to its end, and all was well: who comes next need not watch once more."""
    _remember(root, {"watched": True}, {"step": "watched"})


def _remember(root: str, more: Dict[str, Any], told: Dict[str, Any]) -> None:
    path = os.path.join(root, PROGRESS)
    entry = _read(path)
    if not entry:
        return
    try:
        _write(path, dict(entry, **more))
        _journal(root, dict(told, release=entry.get("release", "")))
    except OSError:  # what serves is what counts; a full disk says so by itself
        pass


def prune(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Remove old releases; what a slot uses stays. A folder is renamed away first, so that a broken run leaves no half release."""
    root = arguments["root"]
    folder = os.path.join(root, "releases")
    used = {_read(os.path.join(root, "slots", slot, "slot.json")).get("release") for slot in SLOTS}
    doomed = [name for name in arguments["releases"] if name not in used and os.path.isdir(os.path.join(folder, name))]
    left: List[str] = []
    for name in doomed if not context.check else []:
        why = _remove(folder, name)
        if why:
            left.append("%s: %s" % (name, why))
    if not context.check:
        _sweep(folder)
    return Outcome(bool(doomed), "removed %s" % ", ".join(doomed) if doomed else "", data={"removed": doomed, "left": left})


def _sweep(folder: str) -> None:
    """What a power cut left half unpacked or half removed. Nobody else is at work here: the run holds the application's lock."""
    for entry in os.scandir(folder) if os.path.isdir(folder) else ():
        if entry.name.startswith("."):
            shutil.rmtree(entry.path, ignore_errors=True)


def _remove(folder: str, name: str) -> Optional[str]:
    """Remove a release's folder; why it could not be done, if so (a left-over must not fail a deploy that has succeeded)."""
    hidden = os.path.join(folder, ".pruned-" + name)
    try:
        os.rename(os.path.join(folder, name), hidden)
        shutil.rmtree(hidden)
    except OSError as error:
        return str(error)
    return None
