"""How a host gets its name."""

from __future__ import annotations

import os
import socket
from typing import Any, Dict, Tuple

from windlass.agent.core.context import Context
from windlass.agent.core.editing import lines_of, want_text
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.file import want_file

KEPT = {"owner": "", "group": "", "mode": "", "validate": None, "sensitive": False}
OWN = "127.0.1.1"  # Debian's address for the host's own name


def hostname(arguments: Dict[str, Any], context: Context) -> Outcome:
    """The name in the running system, then in the files."""
    name, changes = arguments["name"], Changes()
    if arguments["hosts"]:  # first: sudo looks up the new name as soon as it is there
        want_text(changes, os.path.realpath("/etc/hosts"), lambda text: _with_name(text, name, arguments["domain"]), context)
    has = socket.gethostname()
    if has != name:
        changes.add("%s becomes %s" % (has, name), lambda: _set(name), "host name: %s becomes %s" % (has, name))
    if _read("/etc/hostname").strip() != name:
        want_file(changes, dict(KEPT, path="/etc/hostname", content=name + "\n"), context)
    return changes.outcome(context.check)


def _read(path: str) -> str:
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8", errors="surrogateescape") as handle:
        return handle.read()


def _with_name(text: str, name: str, domain: str) -> Tuple[str, str]:
    """The hosts file with its line for the own name: replaced where it is, else behind the line of localhost."""
    names = "%s.%s %s" % (name, domain, name) if domain else name
    lines, end = lines_of(text)
    mine = [index for index, line in enumerate(lines) if line.split()[:1] == [OWN]]
    if any(lines[index].split("#")[0].split()[1:] == names.split() for index in mine):
        return text, ""
    wanted = "%s\t%s" % (OWN, names)
    if mine:
        lines[mine[0]] = wanted
    else:
        local = [index for index, line in enumerate(lines) if line.split()[:1] == ["127.0.0.1"]]
        lines.insert(local[0] + 1 if local else 0, wanted)
    return "".join(line + end for line in lines), "content"


def _set(name: str) -> None:
    try:
        socket.sethostname(name)
    except OSError as error:
        raise OperationError("the host's name cannot be set: %s" % error.strerror, hint="this needs root") from error
