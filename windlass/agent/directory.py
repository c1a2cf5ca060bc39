"""How directories come to be, and go."""

from __future__ import annotations

import os
import stat
from typing import Any, Dict, Iterator, List

from windlass.agent.core import ownership, safe_paths
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.file import metadata

# Nobody means these when a directory is to go; a wrong variable does.
PROTECTED = frozenset([
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/sbin",
    "/srv", "/sys", "/tmp", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/sbin", "/usr/share", "/var", "/var/cache",  # noqa: S108
    "/var/lib", "/var/lib/dpkg", "/var/lib/postgresql", "/var/log", "/var/spool", "/var/tmp", "/var/www",  # noqa: S108
    "/etc/ssh", "/etc/ssl", "/etc/systemd",
])  # fmt: skip


def directory(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A directory with its owner and mode, or none."""
    path = os.path.normpath(arguments["path"])
    if arguments["absent"]:
        return _absent(path, context)
    changes = Changes()
    owner, group, mode = arguments["owner"], arguments["group"], arguments["mode"]
    if context.is_folder(path):
        path = context.real(path)
        _want_metadata(changes, path, arguments, context)
    elif context.is_unknown(path):
        return Outcome(True, "what is there is not known yet", unknown=True)
    elif context.is_there(path):
        raise OperationError("%s is there and is not a directory" % path, hint="move it away if it is not needed")
    else:
        _check_way(path, context)
        changes.add("make", lambda: _make(path, owner, group, mode), "+%s/" % path)
    if changes and context.foresights:
        _foresee(changes, path, arguments, context)
    return changes.outcome(context.check)


def _check_way(path: str, context: Context) -> None:
    """Nothing but folders may be above it; those that are missing are made."""
    above = os.path.dirname(path)
    while not context.is_there(above) and above != "/":
        above = os.path.dirname(above)
    if context.is_there(above) and not context.is_folder(above) and not context.is_unknown(above):
        raise OperationError("%s is no directory, so none can be made in it" % above, hint="move it away if it is not needed")


def _want_metadata(changes: Changes, path: str, arguments: Dict[str, Any], context: Context) -> None:
    owner, group, foreseen = arguments["owner"], arguments["group"], context.foreseen(path)
    metadata(changes, path, owner, group, arguments["mode"], foreseen)
    if arguments["recursive"] and not (foreseen and foreseen.is_new_folder()):
        want_owner_below(changes, path, owner, group)
        context.expect("owner below", path)


def _foresee(changes: Changes, path: str, arguments: Dict[str, Any], context: Context) -> None:
    before = context.foreseen(path)
    context.need_writable(path, of_itself=os.path.isdir(path))
    context.foresights.need_owner(changes, arguments["owner"], arguments["group"])
    if (before and before.is_unknown()) or context.is_unknown(os.path.dirname(path)):
        changes.unknown = True
        return
    if not (before and before.is_folder()):
        context.expect("path", path)
    context.foresights.folder(path, arguments, before)


def _make(path: str, owner: str, group: str, mode: str) -> None:
    user_id, group_id = ownership.owner_ids(owner, group)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.mkdir(path, 0o700)
    safe_paths.dress(path, (user_id, group_id), int(mode or "0755", 8))


def want_owner_below(changes: Changes, path: str, owner: str, group: str) -> None:
    """Add the change of owner of everything below a directory that differs; links themselves, not what they point to."""
    try:
        user_id, group_id = ownership.owner_ids(owner, group)
    except OperationError:  # in a check the user may be about to be made; in a run the action says what is wrong
        user_id = group_id = -2
    different = [entry for entry in _below(path) if _differs(entry, user_id, group_id)]
    if not different:
        return

    shown = ["%s: owner becomes %s:%s" % (entry, owner, group) for entry in different[:20]]
    if len(different) > len(shown):
        shown.append("and %d more" % (len(different) - len(shown)))
    changes.add("owner of %d below" % len(different), lambda: _give_all(path, *ownership.owner_ids(owner, group)), "\n".join(shown))


def _give_all(path: str, user_id: int, group_id: int) -> None:
    """By way of open folders, as chown(1) does: whoever owns what is below could lay a link in the way of a path."""
    for _folder, folders, files, held in os.fwalk(path):
        for name in folders + files:
            try:
                _give(name, held, user_id, group_id)
            except FileNotFoundError:  # as in `_differs`
                pass


def _give(name: str, held: int, user_id: int, group_id: int) -> None:
    """chown(2) drops the setuid and setgid bits of a file, which stay."""
    entry = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=held)
    try:
        status = os.fstat(entry)
        if _is_of_others(status, user_id, group_id):
            os.chown(name, user_id, group_id, dir_fd=held, follow_symlinks=False)
            ownership.set_mode(entry, stat.S_IMODE(status.st_mode))
    finally:
        os.close(entry)


def _below(path: str) -> Iterator[str]:
    for folder, folders, files in os.walk(path):
        for name in folders + files:
            yield os.path.join(folder, name)


def _differs(path: str, user_id: int, group_id: int) -> bool:
    """What a program takes away while we look need not be given to anybody."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    return _is_of_others(status, user_id, group_id)


def _is_of_others(status: os.stat_result, user_id: int, group_id: int) -> bool:
    return user_id not in (-1, status.st_uid) or group_id not in (-1, status.st_gid)


def _absent(path: str, context: Context) -> Outcome:
    changes, foreseen = Changes(), context.foreseen(path)
    changes.unknown = bool(foreseen) and not foreseen.is_gone()
    if not context.is_there(path) and not changes.unknown:
        return changes.outcome(context.check)
    if context.is_there(path) and not (foreseen.is_folder() if foreseen else os.path.isdir(path) and not os.path.islink(path)):
        raise OperationError("%s is not a directory" % path, hint="say so with a Link or a File that is absent")
    if path in PROTECTED or os.path.realpath(path) in PROTECTED:
        raise OperationError("%s is a directory of the system and is not removed" % path, hint="name the directory inside it")
    mounted = _mounted_below(os.path.realpath(path))
    if mounted:
        raise OperationError("a file system is mounted at %s" % mounted[0], hint="unmount it first; nothing was removed")
    import shutil  # noqa: PLC0415 - for what has to go

    context.need_writable(path)
    changes.add("remove", lambda: shutil.rmtree(path), "-%s/ (%d entries)" % (path, sum(1 for _entry in _below(path))))
    if context.foresights:
        changes.unknown = changes.unknown or context.foresights.below(path)
        context.foresights.gone(path)
    return changes.outcome(context.check)


def _mounted_below(path: str) -> List[str]:
    import re  # noqa: PLC0415 - for what has to go

    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape", newline="\n") as handle:
        points = [re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), line.split(" ")[4]) for line in handle]
    return [point for point in points if point == path or point.startswith(path + "/")]
