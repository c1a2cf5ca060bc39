"""How packages of npm are installed for everybody."""

from __future__ import annotations

import json
import os
import shutil
from typing import Any, Dict, List

from windlass.agent.core import process
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome

QUIET = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]


def npm_package(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Packages in the folder that all users share. Their own files say what is there, which is quicker than npm."""
    names, changes = list(arguments["names"]), Changes()
    if not shutil.which("npm", path=process.PATH):
        if arguments["absent"]:
            return Outcome(False)
        if context.check and (context.expects_surprises() or context.expects_any("path")):
            return Outcome(True, "install %s" % ", ".join(names), unknown=True)
        raise OperationError("there is no npm on this host", hint="install Node before this operation")
    folder = _folder(arguments)
    foreseen: Dict[str, str] = context.foresights.npm if context.foresights else {}
    has = {name: foreseen.get(folder + "/" + _bare(name), _version(folder, _bare(name))) for name in names}
    if arguments["absent"]:
        wrong = [_bare(name) for name in names if has[name]]
        words, sign = ["uninstall", "remove"], "-"
    else:
        wrong = [name for name in names if not _fits(name, has[name])]
        words, sign = ["install", "install"], "+"
    for name in wrong:
        foreseen[folder + "/" + _bare(name)] = "" if arguments["absent"] else name[1:].partition("@")[2] or "any"
    if wrong:
        changes.unknown = words[0] == "install"  # whether the registry has them
        now = {name: " (now %s)" % has[name] if has.get(name) and sign == "+" else "" for name in wrong}
        diff = "\n".join("%s%s%s" % (sign, name, now[name]) for name in wrong)
        changes.add("%s %s" % (words[1], ", ".join(wrong)), lambda: _npm([words[0], *wrong], arguments), diff)
    return changes.outcome(context.check)


def _bare(name: str) -> str:
    """Without its version; a scope begins with an @, too."""
    return name[0] + name[1:].partition("@")[0]


def _fits(name: str, has: str) -> bool:
    wanted = name[1:].partition("@")[2]
    return bool(has) and (not wanted or has == wanted or (wanted.count(".") < 2 and has.startswith(wanted + ".")))


def _folder(arguments: Dict[str, Any]) -> str:
    if arguments["prefix"]:
        return os.path.join(arguments["prefix"], "lib", "node_modules")
    return process.must(["npm", "root", "--global"], limit=60).text.strip()


def _version(folder: str, name: str) -> str:
    try:
        with open(os.path.join(folder, name, "package.json"), encoding="utf-8") as handle:
            return str(json.load(handle).get("version", ""))
    except (OSError, ValueError):
        return ""


def _npm(words: List[str], arguments: Dict[str, Any]) -> None:
    prefix = ["--prefix", arguments["prefix"]] if arguments["prefix"] else []
    completed = process.run(
        ["npm", words[0], "--global", *prefix, *QUIET, "--", *words[1:]], limit=float(arguments["limit_seconds"])
    )
    if completed.status != 0:
        raise OperationError(
            "npm ended with status %d" % completed.status,
            hint="check the names, the registry and the way to it",
            last_lines=completed.last_lines(10),
        )
