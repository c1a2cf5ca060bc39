"""How settings of the kernel are made."""

from __future__ import annotations

import os
from typing import Any, Dict

from windlass.agent.core import process
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.file import file, want_file

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
    if has == value:
        return
    if not os.access(path, os.W_OK):
        raise _read_only(name)
    if context.foresights:
        changes.unknown = not _is_taken(path, name, has, value)
    changes.add("%s becomes %s" % (has, value), lambda: _set(path, name, value), "%s: %s becomes %s" % (name, has, value))


def _is_taken(path: str, name: str, has: str, value: str) -> bool:
    """Whether the kernel surely takes it, or likely: as many numbers as now. Those of the network are tried out in a network of
    its own, which has each setting anew; a text might have the kernel load a module. Raises OperationError."""
    has_numbers = [_is_number(each) for each in has.split()]
    if not all(has_numbers):
        return False
    if path.startswith("/proc/sys/net/"):
        tried = process.run(["unshare", "--net", "--", "/bin/sh", "-c", TRY, "sh", path, value], limit=60)
        if tried.status == REFUSED:
            raise _refused(name, value, "Invalid argument")
        if tried.status == 0:
            return True
    return has_numbers == [_is_number(each) for each in value.split()]


def _is_number(text: str) -> bool:
    return text.lstrip("-").isdigit()


def _path_of(name: str) -> str:
    """Dots are folders, and slashes dots, unless the first of either is a slash: the rule of sysctl(8)."""
    if "." in name.split("/", 1)[0]:
        name = name.translate(str.maketrans("./", "/."))
    return "/proc/sys/" + name


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
