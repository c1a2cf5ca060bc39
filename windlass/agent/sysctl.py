"""How settings of the kernel are made."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Tuple

from windlass.agent.core import modules, process
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.file import file, want_file

SYSTEM = "/proc/sys/"
# Of these each namespace has its own.
OWN = tuple(SYSTEM + each for each in ("net/", "fs/mqueue/", "kernel/sem", "kernel/msg", "kernel/shm"))
RANGES = "windlass.agent.core.sysctl_ranges"  # comes for a check
REFUSED = 8  # what TRY ends with; any other failure says nothing
TRY = '[ -w "$1" ] || exit 1; printf "%%s\\n" "$2" 2>/dev/null >"$1" || exit %d' % REFUSED


def sysctl(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A setting in the running kernel, then in its file, so that no value the kernel refuses is kept for the next boot."""
    name, value = arguments["name"], " ".join(str(arguments["value"]).split())
    changes = Changes()
    path = "/etc/sysctl.d/90-windlass-%s.conf" % name.replace("/", "-")
    if arguments["absent"]:
        return file({"path": path, "absent": True}, context)
    if arguments["live"]:
        _want_live(changes, name, value, context)
    wanted = {"owner": "root", "group": "root", "mode": "0644", "validate": None, "sensitive": False}
    want_file(changes, dict(wanted, path=path, content="%s = %s\n" % (name, value)), context)
    return changes.outcome(context.check)


def _want_live(changes: Changes, name: str, value: str, context: Context) -> None:
    path = _path_of(name)
    try:
        with open(path, encoding="ascii") as handle:
            has = " ".join(handle.read().split())
    except FileNotFoundError:
        if context.check and (context.expects_any("kernel module") or context.expects_surprises()):
            changes.unknown = True
            return
        raise OperationError("this kernel has no setting %s" % name, hint="load the module that brings it before") from None
    except OSError as error:
        raise OperationError("kernel setting %s cannot be read: %s" % (name, error.strerror)) from error
    if has == value or (_numbers(has) and _numbers(has) == _numbers(value)):
        return
    if not os.access(path, os.W_OK):
        raise _read_only(name)
    if context.foresights:
        changes.unknown = not _is_taken(path, name, (has, value), context)
    changes.add("%s becomes %s" % (has, value), lambda: _set(path, name, value), "%s: %s becomes %s" % (name, has, value))


def _is_taken(path: str, name: str, values: Tuple[str, str], context: Context) -> bool:
    """Whether the kernel surely takes the second value in place of the first. Raises OperationError.

    Settings of the network and of what processes share are tried out in a namespace, which has each anew. With a text the kernel
    might load a module."""
    numbers, wanted = map(_numbers, values)
    if not numbers:
        return path.endswith("/tcp_congestion_control") and values[1] in _words(path.replace("tcp_", "tcp_available_"))
    if path.startswith(OWN):
        tried = process.run(["unshare", "--net", "--ipc", "--", "/bin/sh", "-c", TRY, "sh", path, values[1]], limit=60)
        if tried.status == REFUSED:
            raise _refused(name, values[1], "Invalid argument")
        if tried.status == 0:
            return True
    return bool(wanted) and bool(modules.get(RANGES, context).is_taken(path[len(SYSTEM) :], numbers, wanted))


def _words(path: str) -> List[str]:
    try:
        with open(path, encoding="ascii") as handle:
            return handle.read().split()
    except OSError:
        return []


def _numbers(text: str) -> List[int]:
    """As the kernel reads them, 0x10 and 020 included; none if anything else is among them."""
    try:
        return [int(each, 8) if each.lstrip("-").startswith("0") and each.isdigit() else int(each, 0) for each in text.split()]
    except ValueError:
        return []


def _path_of(name: str) -> str:
    """Dots are folders, and slashes dots, unless the first of either is a slash: the rule of sysctl(8)."""
    if "." in name.split("/", 1)[0]:
        name = name.translate(str.maketrans("./", "/."))
    return SYSTEM + name


def _set(path: str, name: str, value: str) -> None:
    try:
        with open(path, "w", encoding="ascii") as handle:
            handle.write(value + "\n")
    except PermissionError:
        raise _read_only(name) from None
    except OSError as error:
        raise _refused(name, value, error.strerror or str(error)) from error


def _refused(name: str, value: str, reason: str) -> OperationError:
    return OperationError("the kernel does not take %s for %s: %s" % (value, name, reason))


def _read_only(name: str) -> OperationError:
    return OperationError(
        "kernel setting %s is read-only here" % name,
        hint="a container shares the kernel of its machine: set it there, or give live=False to write the file only",
    )
