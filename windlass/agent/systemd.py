"""Processes as instances of a template unit. What differs from one to the next is in drop-ins, which are also the list of them."""

from __future__ import annotations

import os
import shutil
import time
from typing import Any, Dict, List, Sequence

from windlass.agent.core import atomic, process
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError, Outcome

FOLDER = "/etc/systemd/system"
LOOK_LIMIT = 30.0  # seconds, for what only looks
SHOWN = "Id,ActiveState,SubState,MainPID,NRestarts,MemoryCurrent,CPUUsageNSec,ExecMainStartTimestampMonotonic,MemoryMax"


def systemd_start(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Remove what they replace, then start anew. That systemd could start them means little: the gate decides."""
    template, names = arguments["template"], [each["name"] for each in arguments["processes"]]
    if context.check:
        return Outcome(True, "would start %s" % ", ".join(names))
    if not os.path.exists(os.path.join(FOLDER, template + "@.service")):
        raise OperationError("there is no unit %s@.service" % template, hint="invoke setup writes it")
    limit = arguments["limit_seconds"]
    _remove(template, [name for name in _known(template) if name.startswith(arguments["replaces"])], limit)
    for each in arguments["processes"]:
        os.makedirs(_drop_in(template, each["name"]), exist_ok=True)
        atomic.write(os.path.join(_drop_in(template, each["name"]), "process.conf"), [_text(each).encode()], 0o644)
    _systemctl(limit, "daemon-reload")
    _act("start", template, names, limit)
    return Outcome(True, "started %s" % ", ".join(names))


def systemd_control(arguments: Dict[str, Any], context: Context) -> Outcome:
    """One action on the instances that are there."""
    action, prefix, template = arguments["action"], arguments["prefix"], arguments["template"]
    present = [name for name in _known(template) if name in arguments["names"] or (prefix and name.startswith(prefix))]
    if context.check:
        return Outcome(bool(present), "would %s %s" % (action, ", ".join(present)))
    if present and action == "delete":
        _remove(template, present, arguments["limit_seconds"])
        _systemctl(arguments["limit_seconds"], "daemon-reload")
    elif present:
        _act(action, template, present, arguments["limit_seconds"])
    return Outcome(bool(present), "%s %s" % (action, ", ".join(present)), data={"names": present})


def systemd_state(arguments: Dict[str, Any], context: Context) -> Outcome:
    """What runs, and what should."""
    template = arguments["template"]
    names = _known(template)
    if not names:
        return Outcome(False, data={"processes": []})
    shown = process.must(["systemctl", "show", "--property=" + SHOWN, "--", *_units(template, names)], limit=LOOK_LIMIT).text
    blocks = [dict(line.partition("=")[::2] for line in block.split("\n")) for block in shown.strip().split("\n\n")]
    return Outcome(False, data={"processes": [_row(name, blocks[index]) for index, name in enumerate(names)]})


def _known(template: str) -> List[str]:
    """The instances that are there, by their drop-ins."""
    head, tail = template + "@", ".service.d"
    found = [name for name in os.listdir(FOLDER) if name.startswith(head) and name.endswith(tail) and name != head + tail]
    return sorted(name[len(head) : -len(tail)] for name in found)


def _units(template: str, names: Sequence[str]) -> List[str]:
    return ["%s@%s.service" % (template, name) for name in names]


def _drop_in(template: str, name: str) -> str:
    return os.path.join(FOLDER, "%s@%s.service.d" % (template, name))


def _text(each: Dict[str, Any]) -> str:
    lines = [
        "# Written by Windlass for the release in this slot.",
        "[Service]",
        "ExecStart=%s" % each["launcher"],
        "TimeoutStopSec=%g" % each["stop_seconds"],
    ]
    if each["memory"]:
        lines += ["MemoryMax=%s" % each["memory"]]
    return "\n".join(lines) + "\n"


def _act(action: str, template: str, names: Sequence[str], limit: float) -> None:
    """Start, stop or restart, and have a boot do the same. What a boot brings back is on disk before it is done."""
    units = _units(template, names)
    _systemctl(limit, "disable" if action == "stop" else "enable", "--no-reload", "--quiet", "--", *units)
    if action != "stop":
        process.run(["systemctl", "reset-failed", "--", *units], limit=LOOK_LIMIT)
    _systemctl(limit, action, "--quiet", "--", *units)


def _remove(template: str, names: Sequence[str], limit: float) -> None:
    if not names:
        return
    _act("stop", template, names, limit)
    process.run(["systemctl", "reset-failed", "--", *_units(template, names)], limit=LOOK_LIMIT)
    for name in names:
        shutil.rmtree(_drop_in(template, name))


def _systemctl(limit: float, *words: str) -> None:
    completed = process.run(["systemctl", *words], limit=limit)
    if completed.status != 0:
        raise OperationError("systemctl %s ended with status %d" % (words[0], completed.status), last_lines=completed.last_lines())


def _row(name: str, shown: Dict[str, str]) -> Dict[str, Any]:
    pid = _number(shown.get("MainPID", ""))
    since = _number(shown.get("ExecMainStartTimestampMonotonic", "")) / 1e6
    uptime = max(0.0, time.clock_gettime(time.CLOCK_MONOTONIC) - since) if pid else 0.0
    used = _number(shown.get("CPUUsageNSec", "")) / 1e9
    return {
        "name": name,
        "status": "%s (%s)" % (shown.get("ActiveState", "unknown"), shown.get("SubState", "")),
        "pid": pid,
        "restarts": _number(shown.get("NRestarts", "")),
        "uptime": round(uptime, 1),
        "memory": _number(shown.get("MemoryCurrent", "")) if pid else 0,
        "memory_limit": _number(shown.get("MemoryMax", "")),
        "cpu": round(100 * used / uptime, 1) if uptime else 0,
    }


def _number(text: str) -> int:
    """A number as systemd shows it: what is not measured is `[not set]`, or the largest there is."""
    return int(text) if text.isdigit() and int(text) < 1 << 63 else 0
