"""How file systems are mounted and swap files made. Of /etc/fstab one line is touched, and findmnt verifies it first."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import Any, Callable, Dict, Iterable, List, Optional

from windlass.agent.core import atomic, diffs, modules, mounted, ownership, process
from windlass.agent.core.context import RUN, Context
from windlass.agent.core.editing import KEPT, lines_of
from windlass.agent.core.outcome import Changes, OperationError, Outcome

FSTAB = "/etc/fstab"
REHEARSAL = "windlass.agent.core.rehearsal"  # comes for a check
FORESEEN = "windlass.agent.core.foreseen_mounts"  # the same
IN_USE = "it is in use: see fuser -vm %s; nothing was changed"
LIMIT = 120.0  # seconds; a network file system may be slow to answer
# What mount takes and never shows, or shows in its own words.
UNSEEN = ("defaults", "auto", "noauto", "nofail", "_netdev", "user", "nouser", "bind", "rbind", "x-")


def mount(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A line of fstab and what is mounted."""
    path, changes = arguments["path"], Changes()
    found, before = mounted.on(path), _Fstab()
    is_another = bool(found and arguments["mounted"] and not arguments["absent"] and _is_another(found, arguments))
    if found and is_another:
        changes.add("unmount %s" % found.source, lambda: _make_room(arguments), "-mounted %s: %s" % (path, found.source))
        _foresee_unmount(changes, path, context)
    elif found and (arguments["absent"] or arguments["mounted"] is False):
        changes.add("unmount", lambda: _unmount(path), "-mounted %s" % path)
        _foresee_unmount(changes, path, context)
    elif not arguments["absent"] and not context.is_folder(path):
        _need_place(path, context)
        context.need_writable(path)
        changes.add("make folder", lambda: os.makedirs(path, exist_ok=True), "+%s/" % path)
        context.expect("tree", path)
    differs = _want_line(changes, path, None if arguments["absent"] else arguments["line"], context)
    if arguments["mounted"] and not arguments["absent"]:
        if not found or is_another:
            changes.add("mount", lambda: _try(["mount", "--", path], "see dmesg", before), "+mounted %s" % path)
            _foresee_mount(changes, arguments, is_another, context)
        elif differs or _lacks(found.options, arguments["options"]):
            remount = ["mount", "-o", "remount", "--", path]
            changes.add("remount", lambda: _try(remount, "unmount it, and run again", before), "remount %s" % path)
            context.expect("remount", path)
    if context.foresights and {"mount", "unmount"}.intersection(changes.texts()):
        context.foresights.whole(context.real(path))  # nobody knows what is in the one, or under the other
    return changes.outcome(context.check)


def _need_place(path: str, context: Context) -> None:
    if context.is_there(path) and not context.is_unknown(path):
        raise OperationError("%s is there and is not a directory" % path, hint="move it away if it is not needed")


def _is_another(found: mounted.Mounted, arguments: Dict[str, Any]) -> bool:
    wanted = mounted.Mounted(arguments["source"], arguments["filesystem"], arguments["options"])
    return mounted.is_another(found, arguments["path"], wanted)


def _make_room(arguments: Dict[str, Any]) -> None:
    """What is mounted goes only when the other one could be mounted, which is tried out in a folder of its own."""
    os.makedirs(RUN, mode=0o755, exist_ok=True)
    place = tempfile.mkdtemp(prefix="mount-", dir=RUN)
    try:
        options = ",".join(arguments["options"])
        tried = process.run(["mount", "-t", arguments["filesystem"], "-o", options, "--", arguments["source"], place], limit=LIMIT)
        if tried.status != 0:
            raise _stays(arguments, tried.last_lines(6))
        _do(["umount", "--", place], "see findmnt")
        _unmount(arguments["path"])
    finally:
        with contextlib.suppress(OSError):  # what could not be unmounted holds it, and why is said already
            os.rmdir(place)


def _stays(arguments: Dict[str, Any], last_lines: List[str]) -> OperationError:
    words = "%s cannot be mounted, so what is mounted on %s stays" % (arguments["source"], arguments["path"])
    return OperationError(words, hint="see dmesg", last_lines=last_lines)


def _foresee_mount(changes: Changes, arguments: Dict[str, Any], is_another: bool, context: Context) -> None:
    """In a check, object to what cannot be mounted. Raises OperationError, as the run would."""
    if not context.foresights or context.foreseen(arguments["source"]):
        return

    def look() -> None:
        lines = foreseen.obstacles(arguments)
        if lines and is_another:
            raise _stays(arguments, lines)
        if lines:
            raise OperationError("mount of %s failed" % arguments["path"], hint="see dmesg", last_lines=lines)

    foreseen = modules.get(FORESEEN, context)
    changes.unknown = changes.unknown or foreseen.is_uncertain(arguments)
    modules.get(REHEARSAL, context).rehearse(look, changes, context)


def _unmount(path: str) -> None:
    _do(["umount", "--", path], IN_USE % path)


def _foresee_unmount(changes: Changes, path: str, context: Context) -> None:
    """In a check: what is in use stays mounted, unless earlier operations stop what uses it. Raises OperationError."""
    held = modules.get(FORESEEN, context).holders(path) if context.foresights else []
    stopped = context.foresights and (context.foresights.units or context.foresights.packages)
    if held and (stopped or context.expects_surprises() or context.foresights.below(path)):
        changes.unknown = True
    elif held:
        raise OperationError("umount of %s failed" % path, hint=IN_USE % path, last_lines=held)


def _do(command: List[str], hint: str) -> None:
    completed = process.run(command, limit=LIMIT)
    if completed.status != 0:
        words = "%s of %s failed" % (command[0], command[-1])
        raise OperationError(words, hint=hint, last_lines=completed.last_lines(6))


class _Fstab:
    """The file as it is now."""

    def __init__(self) -> None:
        self._content = atomic.read_or_none(FSTAB)
        self._times = os.stat(FSTAB) if self._content is not None else None

    def put_back(self) -> None:
        if self._content is None or self._times is None:
            os.unlink(FSTAB)
        elif self._content != atomic.read_or_none(FSTAB):
            atomic.write(FSTAB, [self._content], ownership.mode_bits(FSTAB, ""))
            os.utime(FSTAB, ns=(self._times.st_atime_ns, self._times.st_mtime_ns))
        _tell_systemd()


def _try(command: List[str], hint: str, before: _Fstab) -> None:
    """What fails leaves fstab as it was: with a line that cannot be mounted the next boot would stop and wait for somebody."""
    try:
        _do(command, hint)
    except OperationError:
        before.put_back()
        raise


def _lacks(has: List[str], wanted: List[str]) -> bool:
    """Whether a simple option that is wanted does not hold. Values that the kernel shows in its own words are not compared."""
    plain = [option for option in wanted if "=" not in option and not option.startswith(UNSEEN)]
    return any(option not in has for option in plain if option in ("ro", "rw", "noexec", "nosuid", "nodev", "noatime"))


def _want_line(changes: Changes, field: str, line: Optional[str], context: Context, column: int = 1) -> bool:
    """Have this line (None: no line) for what a field of fstab names; whether anything differs."""
    foreseen = context.foreseen(FSTAB)
    changes.unknown = changes.unknown or bool(foreseen and foreseen.is_unread())
    before = (foreseen.text(FSTAB) if foreseen else atomic.read_or_none(FSTAB)) or b""
    lines, _end = lines_of(before.decode("utf-8", "surrogateescape"))
    name = field.replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011")
    mine = [
        index
        for index, each in enumerate(lines)
        if not each.lstrip().startswith("#") and each.split()[column : column + 1] == [name]
    ]
    if [lines[index].split() for index in mine] == ([line.split()] if line else []):
        return False
    kept = [each for index, each in enumerate(lines) if index not in mine]
    if line:
        kept.insert(mine[0] if mine else len(kept), line)
    after = "".join(each + "\n" for each in kept).encode("utf-8", "surrogateescape")
    context.need_writable(FSTAB)
    changes.add("line of fstab", _writer(after), diffs.text_diff(before, after, FSTAB))
    if context.foresights:
        modules.get(REHEARSAL, context).rehearse(lambda: _try_out(after, context), changes, context)
        context.foresights.file(FSTAB, KEPT, foreseen, after)
    return True


def _writer(content: bytes) -> Callable[[], None]:
    def write() -> None:
        mode = ownership.mode_bits(FSTAB, "")
        atomic.write(FSTAB, [content], mode, validate=_verify)
        _tell_systemd()

    return write


def _tell_systemd() -> None:
    """It makes units of fstab's lines."""
    if os.path.isdir("/run/systemd/system"):
        process.must(["systemctl", "daemon-reload"], limit=60)


def _try_out(content: bytes, context: Context) -> None:
    """In a check, have it verified beside. That the folder, or what earlier operations make, is not there yet is nothing."""
    with tempfile.NamedTemporaryFile(prefix="windlass-check-") as handle:
        handle.write(content)
        handle.flush()
        _object(each for each in _complaints(handle.name) if not _is_to_come(each, context))


def _is_to_come(complaint: str, context: Context) -> bool:
    return "required target" in complaint or context.expects_path(complaint.rpartition(": ")[2])


def _verify(temporary: str) -> None:
    _object(_complaints(temporary))


def _object(found: Iterable[str]) -> None:
    """What findmnt says of the old file, too, is not this operation's doing."""
    complaints = set(found) - set(_complaints(FSTAB) if os.path.exists(FSTAB) else [])
    if complaints:
        raise OperationError("the new line of fstab is not valid, the old file stays", last_lines=sorted(complaints))


def _complaints(path: str) -> List[str]:
    shown = process.run(["findmnt", "--verify", "--tab-file", path], limit=60).text
    return [line.strip() for line in shown.splitlines() if line.strip().startswith("[E]")]


def swap_file(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A file, its line of fstab, and the kernel that uses it."""
    path, changes = arguments["path"], Changes()
    active = any(line.split(" ")[0] == path for line in _swaps())
    wanted = active if arguments["active"] is None else arguments["active"]
    there = os.path.isfile(path) and not os.path.islink(path)
    fits = there and os.path.getsize(path) == arguments["bytes"] and _is_swap(path)
    if active and (arguments["absent"] or arguments["active"] is False or not fits):
        changes.add("swap off", lambda: _do(["swapoff", path], "is there enough memory without it?"), "-swap %s" % path)
        active = False
    if arguments["absent"]:
        _want_line(changes, path, None, context, column=0)
        if os.path.lexists(path):
            context.need_writable(path)
            changes.add("remove", lambda: os.unlink(path), "-%s" % path)
        return changes.outcome(context.check)
    if not fits:
        context.need_writable(path)
        text = "%s %d bytes" % ("make anew with" if there else "make", arguments["bytes"])
        changes.add(text, lambda: _make_swap(path, arguments["bytes"]), "+%s" % path)
        context.expect("path", path)
    _want_line(changes, path, "%s none swap sw 0 0" % path, context, column=0)
    if wanted and not active:
        hint = "a container cannot swap: its machine does; give active=None to prepare the file only"
        changes.add("swap on", lambda: _do(["swapon", path], hint), "+swap %s" % path)
    return changes.outcome(context.check)


def _swaps() -> List[str]:
    try:
        with open("/proc/swaps", encoding="utf-8", errors="surrogateescape", newline="\n") as handle:
            return list(handle)[1:]
    except OSError:
        return []


def _is_swap(path: str) -> bool:
    """Its first page ends in the signature, whatever the size of pages is."""
    with open(path, "rb") as handle:
        head = handle.read(65536)
    return any(head[size - 10 : size] == b"SWAPSPACE2" for size in (4096, 8192, 16384, 65536))


def _make_swap(path: str, count: int) -> None:
    """Under another name first, with every block there: the kernel takes no file with holes."""
    temporary = path + ".new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        try:
            os.fchmod(descriptor, 0o600)
            os.posix_fallocate(descriptor, 0, count)
        finally:
            os.close(descriptor)
        process.must(["mkswap", temporary], limit=LIMIT)
        os.rename(temporary, path)
    except OSError as error:
        os.unlink(temporary)
        raise OperationError("the swap file cannot be made: %s" % error.strerror, hint="is there room for it?") from error
    except OperationError:
        os.unlink(temporary)
        raise
