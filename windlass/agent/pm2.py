"""PM2, driven through its own command line, always as the application's user and with a clean environment."""

from __future__ import annotations

import json
import os
import time
from typing import Any, Dict, List

from windlass.agent.core import atomic, process
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError, Outcome
from windlass.agent.gate import last_lines

LIMIT = 60.0  # seconds, for what only looks


def _pm2(arguments: Dict[str, Any], *words: str) -> process.Completed:
    """Run pm2. Its own home is given, so that it never starts a second daemon elsewhere; the folder is one that always exists."""
    home = arguments["home"]
    extra = {"PM2_HOME": os.path.join(home, ".pm2"), "HOME": home, "PM2_DISABLE_VERSION_CHECK": "true", "NO_UPDATE_NOTIFIER": "1"}
    return process.run(["pm2", *words], arguments["user"], extra, home, limit=arguments.get("limit_seconds", LIMIT))


def _must(arguments: Dict[str, Any], *words: str) -> process.Completed:
    completed = _pm2(arguments, *words)
    if completed.status != 0:
        raise OperationError("pm2 %s ended with status %d" % (words[0], completed.status), last_lines=completed.last_lines())
    return completed


def _listed(arguments: Dict[str, Any]) -> List[Dict[str, Any]]:
    """PM2's own list. Anything it prints before the JSON (a greeting, a note about itself) is passed over."""
    text = _must(arguments, "jlist").text
    for line in process.lines(text):
        if line.startswith("["):
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, list):
                return value
    raise OperationError("pm2 jlist gave no list", last_lines=text.splitlines()[-5:])


def pm2_start(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Delete what they replace, then start anew. `pm2 start` succeeding means nothing: the gate decides."""
    names = [each["name"] for each in arguments["processes"]]
    if context.check:
        return Outcome(True, "would start %s" % ", ".join(names))
    present = [entry["name"] for entry in _listed(arguments) if entry["name"].startswith(arguments["replaces"])]
    if present:
        _must(arguments, "delete", *sorted(set(present)))
    path = os.path.join(arguments["home"], "pm2-start.json")  # its home is root's: in `.pm2` the application could lay a link
    atomic.write(path, [json.dumps({"apps": [_entry(each) for each in arguments["processes"]]}).encode()], 0o644)
    _must(arguments, "start", path)
    _save(arguments)  # before anything is switched: a host that loses power right after it must find the new slot in the list
    return Outcome(True, "started %s" % ", ".join(names))


def _save(arguments: Dict[str, Any]) -> None:
    """Let PM2 write down what a boot brings back. It writes for all to read, in a folder where root must touch nothing."""
    _must(arguments, "save", "--force")
    dump = os.path.join(arguments["home"], ".pm2", "dump.pm2")
    process.run(["chmod", "0600", dump], arguments["user"])


def _entry(each: Dict[str, Any]) -> Dict[str, Any]:
    """PM2's description of a process. No environment is in it, because PM2 writes its list to a file that others can read."""
    entry: Dict[str, Any] = {
        "name": each["name"],
        "script": each["launcher"],
        "interpreter": "none",
        "exec_mode": "fork",
        "cwd": each["folder"],
        "out_file": each["log"],
        "error_file": each["log"],
        "merge_logs": True,
        "kill_timeout": int(each["stop_seconds"] * 1000),
        "exp_backoff_restart_delay": 100,
        "filter_env": True,
    }
    if each["memory"]:
        entry["max_memory_restart"] = each["memory"]
    return entry


def pm2_control(arguments: Dict[str, Any], context: Context) -> Outcome:
    """One action on the entries that are there, then the list is saved.

    A PM2 that knows nothing has lost its list, or was started by this very look: what was saved once is then all that a boot could
    bring back, and it stays as it is.
    """
    action, prefix, listed = arguments["action"], arguments["prefix"], _listed(arguments)
    known = {entry["name"] for entry in listed if action != "start" or not _is_up(entry)}
    present = sorted(name for name in known if name in arguments["names"] or (prefix and name.startswith(prefix)))
    if context.check:
        return Outcome(bool(present), "would %s %s" % (action, ", ".join(present)))
    if present and action != "save":
        _must(arguments, "restart" if action == "start" else action, *present)
    if listed:
        _save(arguments)
    return Outcome(bool(present), "%s %s" % (action, ", ".join(present)), data={"names": present})


def _is_up(entry: Dict[str, Any]) -> bool:
    """Whether PM2 keeps it running, be it that it is just being started again."""
    return entry.get("pm2_env", {}).get("status") in ("online", "launching", "waiting restart")


def pm2_list(arguments: Dict[str, Any], context: Context) -> Outcome:
    """What PM2 runs, in the few words that matter."""
    return Outcome(False, data={"processes": [_row(entry) for entry in _listed(arguments)]})


def _row(entry: Dict[str, Any]) -> Dict[str, Any]:
    environment, measured = entry.get("pm2_env", {}), entry.get("monit", {})
    online = environment.get("status") == "online"
    return {
        "name": entry["name"],
        "status": environment.get("status", "unknown"),
        "pid": entry.get("pid") or 0,
        "restarts": environment.get("restart_time", 0),
        "uptime": round(max(0.0, time.time() - environment.get("pm_uptime", 0) / 1000), 1) if online else 0.0,
        "memory": measured.get("memory") or 0,
        "memory_limit": environment.get("max_memory_restart") or 0,
        "cpu": measured.get("cpu") or 0,
        "folder": environment.get("pm_cwd", ""),
    }


def tail_logs(arguments: Dict[str, Any], context: Context) -> Outcome:
    """The ends of logs."""
    return Outcome(
        False, data={"lines": {path: context.mask_lines(last_lines(path, arguments["lines"])) for path in arguments["paths"]}}
    )
