"""How files come to have their content."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Optional

from windlass.agent.core import atomic, attributes, diffs, frames, modules, ownership, process
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError, Outcome
from windlass.agent.core.parts import sha256

if TYPE_CHECKING:
    import hashlib

ARRIVALS = "windlass.agent.core.arrivals"  # comes when there is something to arrive: most runs send no content
MUCH = 768 * 1024  # bytes
REHEARSAL = "windlass.agent.core.rehearsal"  # comes for a check
PIECE = 1 << 17  # bytes that are read at once
SUMS, BLOCKS = "windlass.agent.core.host_sums", "windlass.agent.core.blocks"  # the same for large files


def file(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Content, owner and mode of a regular file."""
    if arguments["absent"]:
        return _absent(arguments["path"], context)
    changes = Changes()
    if arguments.get("once"):
        if context.is_there(arguments["path"]):
            arguments = dict(arguments, content=None)
        else:
            changes.unknown = context.expects_surprises()  # a package may bring it, which then stays
    want_file(changes, arguments, context)
    return changes.outcome(context.check)


def want_file(changes: Changes, arguments: Dict[str, Any], context: Context) -> None:
    """Add what differs in content, owner and mode."""
    path, content, foreseen = arguments["path"], arguments["content"], context.foreseen(arguments["path"])
    if not foreseen:
        atomic.need_file_or_nothing(path)
    elif foreseen.is_folder():
        raise atomic.no_file(path, "a directory")
    need_folder(changes, path, context)
    if content is None and not context.is_there(path):
        content = ""
    if content is not None and not _holds(path, content, context):
        text = "content" + ("" if foreseen else attributes.other_names(path))
        changes.add(text, _writer(arguments, content, context), _diff(arguments, content, context))
        chunks = received(content, context) if _is_offered(content) else [text_of(content).encode()]
        examine(changes, chunks, arguments, arguments["validate"], context)
    elif context.is_there(path):
        metadata(changes, path, arguments["owner"], arguments["group"], arguments["mode"], foreseen)
        if content is not None and _is_secret(arguments, content):
            diffs.mark_secret(path, context)
    if changes:
        _foresee(changes, arguments, content, context)


def _is_directory(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _foresee(changes: Changes, arguments: Dict[str, Any], content: Any, context: Context) -> None:
    path, foreseen = arguments["path"], context.foreseen(arguments["path"])
    is_written = any(text.startswith("content") for text in changes.texts())
    context.need_writable(path, of_itself=not is_written)
    context.expect("path", path)
    if context.foresights:
        changes.unknown = changes.unknown or bool(foreseen and foreseen.is_unread())
        context.foresights.need_owner(changes, arguments["owner"], arguments["group"])
        text = content if content is None or _is_offered(content) else text_of(content).encode()
        secret = _is_secret(arguments, content) or (not is_written and diffs.holds_secret(path, context))
        context.foresights.file(path, arguments, foreseen, text, secret)


def _absent(path: str, context: Context) -> Outcome:
    changes, foreseen = Changes(), context.foreseen(path)
    if foreseen.is_folder() if foreseen else _is_directory(path):
        raise OperationError("%s is a directory" % path, hint="say so with a Directory that is absent")
    changes.unknown = bool(foreseen and foreseen.is_unknown())
    if context.is_there(path) or changes.unknown:
        context.need_writable(path)
        changes.add("remove", lambda: os.unlink(path))
        if context.foresights:
            context.foresights.gone(path)
    return changes.outcome(context.check)


def need_folder(changes: Changes, path: str, context: Context) -> None:
    """Insist on the folder that a path is to stand in; in a check an earlier operation may be what brings it."""
    folder = os.path.dirname(path) or "/"
    if context.is_folder(folder):
        return
    if context.is_unknown(folder):
        changes.unknown = True
        return
    foreseen = context.foreseen(folder) or context.foreseen(context.real(folder))
    if context.check and context.expects_path(folder) and not foreseen:
        return
    if not (context.check and context.expects_surprises()):
        raise OperationError("there is no folder %s" % folder, hint="add a Directory for it before this operation")
    changes.unknown = True


def _is_offered(content: Any) -> bool:
    """Whether it is with the controller; otherwise it came with the operation."""
    return isinstance(content, dict) and "checksum" in content


def _holds(path: str, content: Any, context: Context) -> bool:
    """Whether the regular file already has this content; big files are compared by checksum."""
    wanted, foreseen = b"" if _is_offered(content) else text_of(content).encode(), context.foreseen(path)
    if foreseen:
        return bool(foreseen.checksum == (content["checksum"] if _is_offered(content) else sha256(wanted).hexdigest()))
    if not os.path.isfile(path) or os.path.islink(path):
        return False
    if _is_offered(content):
        return (
            os.path.getsize(path) == int(content["size"])
            and _checksum(path, str(content["checksum"]), context) == content["checksum"]
        )
    return os.path.getsize(path) == len(wanted) and atomic.read_or_none(path) == wanted


def _checksum(path: str, like: str, context: Context) -> str:
    """A file's own, of the same kind: of the whole, or by blocks."""
    sums = _sums(os.path.getsize(path), context)
    if sums:
        return str(sums.checksum_of(path, keep=not context.check, like=like))
    blocks = modules.get(BLOCKS, context) if "-" in like else None
    return str(blocks.measured(path, blocks.length_of(like))[1].hexdigest()) if blocks else sha256_of(path)


def _sums(size: int, context: Context) -> Any:
    """The module that remembers checksums, where that is worth while."""
    if size < frames.REMEMBERED_FROM or os.geteuid():
        return None
    return modules.get(SUMS, context)


def text_of(content: Any) -> str:
    """The text of an argument that may be a secret."""
    return str(content["secret"]) if isinstance(content, dict) else str(content)


def sha256_of(path: str) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits. Raises OSError."""
    digest = _digest_of(os.path.getsize(path))
    piece = bytearray(PIECE)  # the same memory again and again: to be given new one takes as long as to look at it
    with open(path, "rb", buffering=0) as handle, memoryview(piece) as view:
        while True:
            count = handle.readinto(piece)
            if not count:
                return digest.hexdigest()
            digest.update(view[:count])


def _digest_of(size: int) -> "hashlib._Hash":
    """What is fit for so many bytes: the library that has the processor help takes a moment to load."""
    if size < MUCH:
        return sha256()
    try:
        from _hashlib import openssl_sha256  # noqa: PLC0415 - as above
    except ImportError:
        from hashlib import sha256 as openssl_sha256  # noqa: PLC0415

    return openssl_sha256()


def _writer(arguments: Dict[str, Any], content: Any, context: Context) -> Callable[[], None]:
    path, offered = arguments["path"], _is_offered(content)

    def install(chunks: Iterable[frames.Bytes]) -> None:
        mode, check = ownership.mode_bits(path, arguments["mode"]), validator(arguments["validate"])
        installed = atomic.write(path, chunks, mode, arguments["owner"], arguments["group"], check)
        attributes.mark(path, _is_secret(arguments, content))
        sums = _sums(int(content["size"]), context) if offered else None
        if sums:
            sums.wrote(path, installed, content["checksum"], getattr(chunks, "prints", b""))

    def write() -> None:
        if not offered:
            install([text_of(content).encode()])
            return
        folder = os.path.dirname(path) or "/"
        try:
            install(received(content, context, path, folder))
        except atomic.OtherContent:
            install(received(content, context, "", folder))

    return write


def received(content: Dict[str, Any], context: Context, old: str = "", home: str = "") -> atomic.Arriving:
    """The offered content, checked against its checksum at the end. Of a large one only what the `old` file lacks travels.

    home   the folder where what has arrived stays if the run breaks off; without it, it is lost
    """
    arriving: atomic.Arriving = modules.get(ARRIVALS, context).Received(content, context, old, home)
    return arriving


def examine(
    changes: Changes, chunks: Iterable[frames.Bytes], wanted: Dict[str, Any], command: Optional[List[str]], context: Context
) -> None:
    """In a check, ask what the run would ask before it installs a file; `wanted` are its path, owner, group and mode.

    Raises OperationError."""
    if command and context.foresights:
        modules.get(REHEARSAL, context).examine(chunks, wanted, command, changes, context)


def validator(command: Optional[List[str]]) -> Optional[Callable[[str], None]]:
    """What atomic.write asks before it installs a file; `%s` in the command stands for the temporary one."""
    if not command:
        return None

    def validate(temporary: str) -> None:
        completed = process.run([argument.replace("%s", temporary) for argument in command])
        if completed.status != 0:
            raise OperationError("the new content is not valid, the old stays", last_lines=completed.last_lines())

    return validate


def _diff(arguments: Dict[str, Any], content: Any, context: Context) -> str:
    path = arguments["path"]
    if _is_secret(arguments, content):
        return "%s: content is not shown" % path
    if isinstance(content, dict):
        kind = "checksum by blocks" if "-" in content["checksum"] else "sha256"
        return "%s: %d bytes, %s %s" % (path, content["size"], kind, content["checksum"][:12])
    foreseen = context.foreseen(path)
    before = foreseen.content if foreseen else None if os.path.islink(path) else atomic.read_or_none(path)
    diff = diffs.shown_diff(before, text_of(content).encode(), path, context)
    if before is None and context.check and context.expects_surprises():
        return diff.replace("--- /dev/null", "--- /dev/null or what a package brings (unknown until run)", 1)
    return diff


def _is_secret(arguments: Dict[str, Any], content: Any) -> bool:
    return bool(arguments["sensitive"] or (isinstance(content, dict) and "secret" in content))


def metadata(changes: Changes, path: str, owner: str, group: str, mode: str, foreseen: Any = None) -> None:
    """Add what differs in owner, group and mode of a path that is there, or is foreseen; empty means any."""
    if foreseen:
        has_owner, has_group, has_mode = foreseen.owner, foreseen.group, foreseen.mode
        numbers, is_link = (has_owner, has_group), False
        changes.unknown = changes.unknown or has_mode < 0
    else:
        status, (has_owner, has_group, has_mode) = os.lstat(path), ownership.owner_and_mode(path)
        numbers, is_link = (str(status.st_uid), str(status.st_gid)), stat.S_ISLNK(status.st_mode)
    if owner not in ("", has_owner, numbers[0]) or group not in ("", has_group, numbers[1]):
        text = "owner %s:%s becomes %s:%s" % (has_owner, has_group, owner or has_owner, group or has_group)
        changes.add(text, lambda: give_to(path, owner, group), "%s: %s" % (path, text))
    if mode and not is_link and int(mode, 8) != has_mode:
        text = "mode %s becomes %04o" % ("%04o" % has_mode if has_mode >= 0 else "unknown", int(mode, 8))
        changes.add(text, lambda: ownership.change_mode(path, int(mode, 8)), "%s: %s" % (path, text))


def give_to(path: str, owner: str, group: str) -> None:
    """Change the owner and keep the mode, of which chown(2) drops the setuid and setgid bits."""
    status = os.lstat(path)
    os.chown(path, *ownership.owner_ids(owner, group), follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        ownership.change_mode(path, stat.S_IMODE(status.st_mode))
