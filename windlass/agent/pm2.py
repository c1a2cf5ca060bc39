"""PM2, driven as the library that its own command line stands on, always as the application's user and with a clean environment."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import Any, Dict, List

from windlass.agent.core import atomic, process
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError, Outcome
from windlass.agent.gate import last_lines

LIMIT = 60.0  # seconds, for what only looks
# Several steps by one program, in the time of half a command of PM2's: https://pm2.keymetrics.io/docs/usage/pm2-api/
_STEPS = """
const [place, steps] = process.argv.slice(1);
const pm2 = require(place);
const call = (name, words) =>
  new Promise((done, fail) => pm2[name](...words, (error, value) => (error ? fail(error) : done(value))));
const clear = async (beginning) => {
  const names = (await call("list", [])).map((each) => each.name).filter((each) => each.startsWith(beginning));
  for (const each of new Set(names)) await call("delete", [each]);
};
let now = "connect";
(async () => {
  let value = await call(now, []);
  for (const [name, ...words] of JSON.parse(steps)) value = await ((now = name) === "clear" ? clear(...words) : call(name, words));
  process.stdout.write(JSON.stringify(value || null) + "\\n");
  process.exit(0);
})().catch((error) => {
  for (const each of [].concat(error)) console.error(`${now}: ${(each && each.message) || each}`);
  process.exit(1);
});
"""
_COMMANDS = {"list": ("jlist",), "dump": ("save", "--force")}  # what the command line calls otherwise than the library


def _do(arguments: Dict[str, Any], *steps: List[Any]) -> str:
    """One step after the other, as PM2's library calls them, and `clear`: delete all whose names begin so; what is printed.

    The first that fails is the last.
    """
    place, said = _library(), ""
    if place:
        return _must(arguments, [each[0] for each in steps], ["node", "-e", _STEPS, place, json.dumps(steps)])
    for step in steps:
        words = _command(arguments, step)
        if words:
            said = _must(arguments, words[:1], ["pm2", *words])
    return said


def _command(arguments: Dict[str, Any], step: List[Any]) -> List[str]:
    """What PM2's command is told for a step; nothing when there is nothing to do."""
    if step[0] != "clear":
        return list(_COMMANDS.get(step[0], step))
    names = sorted({entry["name"] for entry in _listed(arguments) if entry["name"].startswith(step[1])})
    return ["delete", *names] if names else []


def _library() -> str:
    """The folder of the package that the command `pm2` is of; empty when that is something else, such as a script of somebody's."""
    command = shutil.which("pm2", path=process.PATH)
    folder = os.path.dirname(os.path.dirname(os.path.realpath(command))) if command else ""
    return folder if os.path.basename(folder) == "pm2" and os.path.isfile(os.path.join(folder, "index.js")) else ""


def _must(arguments: Dict[str, Any], names: List[str], words: List[str]) -> str:
    """Run it. PM2's own home is given, so that it never starts a second daemon elsewhere; the folder is one that always exists."""
    home = arguments["home"]
    extra = {"PM2_HOME": os.path.join(home, ".pm2"), "HOME": home, "PM2_DISABLE_VERSION_CHECK": "true", "NO_UPDATE_NOTIFIER": "1"}
    completed = process.run(words, arguments["user"], extra, home, limit=arguments.get("limit_seconds", LIMIT))
    if completed.status != 0:
        message = "pm2 %s ended with status %d" % (", ".join(dict.fromkeys(names)), completed.status)
        raise OperationError(message, last_lines=completed.last_lines())
    return completed.text


def _listed(arguments: Dict[str, Any]) -> List[Dict[str, Any]]:
    """PM2's own list. Anything it prints before the JSON (a greeting, a note about itself) is passed over."""
    text = _do(arguments, ["list"])
    for line in process.lines(text):
        if line.startswith("["):
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, list):
                return value
    raise OperationError("pm2 gave no list", last_lines=text.splitlines()[-5:])


def pm2_start(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Delete what they replace, then start anew. `pm2 start` succeeding means nothing: the gate decides."""
    names = [each["name"] for each in arguments["processes"]]
    if context.check:
        return Outcome(True, "would start %s" % ", ".join(names))
    path = os.path.join(arguments["home"], "pm2-start.json")  # its home is root's: in `.pm2` the application could lay a link
    atomic.write(path, [json.dumps({"apps": [_entry(each) for each in arguments["processes"]]}).encode()], 0o644)
    # Saved before anything is switched: a host that loses power right after it must find the new slot in the list.
    _and_save(arguments, ["clear", arguments["replaces"]], ["start", path])
    return Outcome(True, "started %s" % ", ".join(names))


def _and_save(arguments: Dict[str, Any], *steps: List[Any]) -> None:
    """And let PM2 write down what a boot brings back. It writes for all to read, in a folder where root must touch nothing."""
    _do(arguments, *steps, ["dump", True])
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
    done = {"start": "restart", "save": ""}.get(action, action)
    if listed:
        _and_save(arguments, *([done, name] for name in present if done))
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
