"""How unit files of systemd are written, and what becomes of their units."""

from __future__ import annotations

import os
import re
import shutil
from typing import Any, Callable, Dict, Optional

from windlass.agent.core import atomic, attributes, diffs, modules, owed, process, temporary, units
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome

FOLDER = "/etc/systemd/system"
REHEARSAL = "windlass.agent.core.rehearsal"  # comes for a check
VERIFY_LIMIT = 60.0  # seconds
WRITTEN = {"owner": "root", "group": "root", "mode": "0644"}
FIXED = ("static", "indirect")
ACTIVE = ("active", "reloading", "activating")


def systemd_unit(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A unit file or a drop-in, and its unit."""
    changes = Changes()
    if arguments["absent"]:
        _want_absent(changes, arguments, context)
        if changes and context.foresights:
            _foresee_absent(arguments, context)
        return changes.outcome(context.check)
    written = _want_files(changes, arguments, context)
    _want_state(changes, arguments, written, context)
    outcome = changes.outcome(context.check)
    if context.foresights:
        if written and arguments["verify"] and (arguments["whole"] or units.look(arguments["name"])["LoadState"] != "not-found"):
            modules.get(REHEARSAL, context).rehearse(lambda: _verify(arguments), outcome, context)
        _foresee(changes, arguments, context)
    return outcome


def _foresee_absent(arguments: Dict[str, Any], context: Context) -> None:
    name = arguments["name"]
    for each in arguments["files"]:
        context.foresights.gone(os.path.join(FOLDER, each))
    if arguments["whole"]:
        context.foresights.gone(os.path.join(FOLDER, name + ".d"))
        context.foresights.units[name] = {"LoadState": "not-found", "ActiveState": "inactive", "UnitFileState": ""}


def _foresee(changes: Changes, arguments: Dict[str, Any], context: Context) -> None:
    for name, content in arguments["files"].items() if arguments["whole"] else ():
        if not os.path.lexists(os.path.join(FOLDER, name)) and not context.of_unit(name, {}):
            context.foresights.unit(name, content)
    context.foresights.told(arguments["name"], changes.texts())


def systemd_timer(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A service and the timer that starts it."""
    return systemd_unit(arguments, context)


def _want_files(changes: Changes, arguments: Dict[str, Any], context: Context) -> bool:
    """Add the files that differ, and that systemd reads them; whether any does."""
    differing = {}
    for name, content in sorted(arguments["files"].items()):
        path = os.path.join(FOLDER, name)
        before = _before(path, context)
        if before != content.encode():
            differing[path] = content.encode()
            diff = diffs.shown_diff(before, content.encode(), path, context)
            changes.add(os.path.basename(name), lambda: None, diff)
            context.need_writable(path)
            context.expect("unit file", path)
            if context.foresights:
                context.foresights.file(path, WRITTEN, context.foreseen(path), content.encode())
    if differing:
        changes.add("unit files read again", lambda: _install(differing, arguments))
    elif not _is_template(arguments) and _look(arguments, context)["NeedDaemonReload"] == "yes":
        changes.add("unit files read again", _reload)
    return bool(differing)


def _is_template(arguments: Dict[str, Any]) -> bool:
    """What systemd cannot be asked about: its instances are units, it is none."""
    return "@." in arguments["name"]


def _before(path: str, context: Context) -> Optional[bytes]:
    """What is there; a link to /dev/null (a masked unit) or elsewhere is another's."""
    foreseen = context.foreseen(path)
    if foreseen:
        content: Optional[bytes] = foreseen.content
        return content
    return None if os.path.islink(path) else atomic.read_or_none(path)


def _install(differing: Dict[str, bytes], arguments: Dict[str, Any]) -> None:
    if arguments["verify"]:
        _verify(arguments)
    if not _is_template(arguments) and units.look(arguments["name"])["ActiveState"] in ACTIVE:
        owed.mark(_identity(arguments))  # what runs has to hear of it, if not from this run, then from the next
    for path, content in differing.items():
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        atomic.write(path, [content], 0o644, "root", "root")
        attributes.mark(path, False)
    _reload()


def _reload() -> None:
    process.must(["systemctl", "daemon-reload"], limit=60)


def _identity(arguments: Dict[str, Any]) -> str:
    return "unit %s %s" % (arguments["name"], " ".join(sorted(arguments["files"])))


def _verify(arguments: Dict[str, Any]) -> None:
    """Have systemd look at the files where they do no harm. What it says of others is not this operation's business."""
    if not shutil.which("systemd-analyze", path=process.PATH):
        return
    with temporary.folder("unit") as folder:
        for name, content in arguments["files"].items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as handle:
                handle.write(content.encode())
        target = os.path.join(folder, arguments["name"]) if arguments["whole"] else arguments["name"]
        paths = {"SYSTEMD_UNIT_PATH": folder + ":"}  # the empty end stands for the usual ones
        completed = process.run(["systemd-analyze", "verify", "--man=no", target], extra=paths, limit=VERIFY_LIMIT)
        said = (completed.output + completed.errors).decode("utf-8", "replace").replace(folder + "/", "").splitlines()
    complaints = [line for line in said if _is_about(line, arguments)]
    if complaints:
        raise OperationError(
            "systemd objects to %s, nothing was changed" % arguments["name"],
            hint="correct it; give verify=False if it is right all the same",
            last_lines=complaints[-12:],
        )


def _is_about(line: str, arguments: Dict[str, Any]) -> bool:
    return any(re.search(r"(^|[\s/])%s[:\s]" % re.escape(name), line) for name in [*arguments["files"], arguments["name"]])


def _look(arguments: Dict[str, Any], context: Context) -> Dict[str, str]:
    return context.of_unit(arguments["name"], units.look(arguments["name"]))


def _want_state(changes: Changes, arguments: Dict[str, Any], written: bool, context: Context) -> None:
    """Enabled, running, and told of the new file, in the order of systemd's own `enable --now`."""
    if _is_template(arguments):
        return
    name, limit = arguments["name"], float(arguments["limit_seconds"])
    state = _look(arguments, context)
    is_new = state["LoadState"] == "not-found"
    if arguments["enabled"] is not None:
        _want_enabled(changes, arguments, state, is_new)
    active = state["ActiveState"] in ACTIVE
    if arguments["running"] is False and active:
        changes.add("stop", units.action(name, "stop", limit))
    elif arguments["running"] and not active:
        changes.add("start", _settling(arguments, units.action(name, "start", limit)))
    elif active and (written or owed.is_owed(_identity(arguments))) and arguments["on_change"] != "nothing":
        verb = "reload" if arguments["on_change"] == "reload" and state["CanReload"] == "yes" else "restart"
        changes.add(verb, _settling(arguments, units.action(name, verb, limit)))


def _settling(arguments: Dict[str, Any], action: Callable[[], None]) -> Callable[[], None]:
    def act() -> None:
        action()
        owed.forget(_identity(arguments))

    return act


def _want_enabled(changes: Changes, arguments: Dict[str, Any], state: Dict[str, str], is_new: bool) -> None:
    name, limit = arguments["name"], float(arguments["limit_seconds"])
    installs = any(re.search(r"^\[Install\]", content, re.MULTILINE) for content in arguments["files"].values())
    has = state["UnitFileState"]
    if arguments["enabled"] and (has == "disabled" or (is_new and installs) or (has in FIXED and installs)):
        changes.add("enable", units.action(name, "enable", limit))
    elif not arguments["enabled"] and has == "enabled":
        changes.add("disable", units.action(name, "disable", limit))


def _want_absent(changes: Changes, arguments: Dict[str, Any], context: Context) -> None:
    name, limit = arguments["name"], float(arguments["limit_seconds"])
    paths = [os.path.join(FOLDER, each) for each in sorted(arguments["files"])]
    there = [path for path in paths if context.is_there(path)]
    if arguments["whole"] and context.is_folder(os.path.join(FOLDER, name + ".d")):
        there.append(os.path.join(FOLDER, name + ".d"))
    if not there:
        return
    if arguments["whole"] and not _is_template(arguments):
        _want_stopped(changes, arguments, context)
    for path in there:
        changes.add("remove %s" % os.path.basename(path), _remover(path), "-%s" % path)
    changes.add("unit files read again", _reload)
    if arguments["whole"] or _is_template(arguments):
        return
    if _look(arguments, context)["ActiveState"] == "active" and arguments["on_change"] != "nothing":
        changes.add("restart", units.action(name, "restart", limit))


def _want_stopped(changes: Changes, arguments: Dict[str, Any], context: Context) -> None:
    name, limit = arguments["name"], float(arguments["limit_seconds"])
    state = _look(arguments, context)
    if state["UnitFileState"].startswith("enabled"):
        changes.add("disable", units.action(name, "disable", limit))
    if state["ActiveState"] not in ("inactive", "failed"):
        changes.add("stop", units.action(name, "stop", limit))


def _remover(path: str) -> Callable[[], None]:
    def remove() -> None:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
            _drop_empty(os.path.dirname(path))

    return remove


def _drop_empty(folder: str) -> None:
    if folder.endswith(".d") and not os.listdir(folder):
        os.rmdir(folder)
