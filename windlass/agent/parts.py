"""What a backup holds besides a database: folders and configuration by GNU tar, Redis by redis-cli; out, checked, and back in."""

from __future__ import annotations

import glob
import os
import re
import shutil
import tempfile
import time
from typing import Any, Dict, List, Tuple

from windlass.agent.core import atomic, leftovers, process
from windlass.agent.core.context import Context
from windlass.agent.core.guard import Guard
from windlass.agent.core.outcome import OperationError, Outcome
from windlass.agent.core.pipeline import Pipeline, Stage
from windlass.agent.core.sealing import UNSQUEEZE
from windlass.agent.core.workplace import workplace
from windlass.agent.database import send
from windlass.agent.file import received

# Times to the nanosecond, names of any length, holes stay holes; names in lists on one line each, whatever is in them.
PACK = ["nice", "-n", "10", "tar", "--create", "--file=-", "--format=posix", "--sparse", "--quoting-style=escape", "--verbose"]
LIST = ["tar", "--list", "--file=-", "--quoting-style=escape", "--index-file="]
UNPACK = ["tar", "--extract", "--file=-", "--preserve-permissions", "--same-owner", "--quoting-style=escape", "--verbose"]
SOME_CHANGED = 1  # tar's status for files that changed or vanished while it read them; whatever is worse has another one
CONTENT = "content"
SPARE = 64 << 20  # bytes
ENGLISH = {"LC_ALL": "C"}


def pack(arguments: Dict[str, Any], context: Context) -> Outcome:
    """tar through the way that every part goes. tar names what it packs in a file, which is counted afterwards."""
    taken = time.time()
    with Guard(context, arguments["limit_seconds"]) as guard, workplace() as work:
        names = os.path.join(work, "names")
        command = PACK + ["--index-file=" + names, "--directory=" + arguments["folder"]]
        command += ["--exclude=" + pattern for pattern in arguments["exclude"]]
        source = Stage("tar", command + ["--"] + _found(arguments), "", ENGLISH, tolerated=SOME_CHANGED)
        sent = send(guard, source, _reader(os.devnull), arguments, context)
        entries = _lines(names)
    changed = [line[5:] if line.startswith("tar: ") else line for line in sent["said"]]
    return Outcome(False, data=dict(sent, entries=entries, changed=changed, taken=taken))


def _found(arguments: Dict[str, Any]) -> List[str]:
    """The paths that are packed, below the folder. Raises OperationError for one that is not there, or does not fit anything."""
    folder = arguments["folder"]
    if not os.path.isdir(folder):
        raise OperationError("there is no folder %s to back up" % folder, hint="is its path right in the inventory?")
    found: List[str] = []
    for pattern in arguments["paths"]:
        fitting = sorted(glob.glob(os.path.join(glob.escape(folder), pattern)))
        if not fitting:
            raise OperationError(
                "there is nothing to back up at %s" % os.path.join(folder, pattern), hint="is its path right in the inventory?"
            )
        named = fitting if pattern != "." else []
        found += [os.path.relpath(each, folder) for each in named] or [pattern]
        found += [inside for each in named if os.path.islink(each) for inside in _behind(each, folder, pattern)]
    return list(dict.fromkeys(found))


def _behind(link: str, folder: str, pattern: str) -> List[str]:
    """What a link leads to: who names one means what is there, and tar would pack the link alone. One that leads nowhere is no
    harm among others that fit a pattern."""
    real, top = os.path.realpath(link), os.path.join(os.path.realpath(folder), "")
    if os.path.exists(real) and real.startswith(top):
        return [real[len(top) :]]
    if glob.has_magic(pattern):
        return []
    raise OperationError("%s is a link that leads nowhere" % link, hint="mend it, or name what should be backed up")


def copy_redis(arguments: Dict[str, Any], context: Context) -> Outcome:
    """redis-cli asks for all there is as a replica would, into a file, which is checked and sent."""
    taken = time.time()
    with Guard(context, arguments["limit_seconds"]) as guard, workplace() as work:
        path = os.path.join(work, "dump.rdb")
        command, extra = _redis_cli(arguments["configuration"])
        _make_sure_of_room(_redis_bytes(guard, command, extra), work)
        guard.run(command + ["--rdb", path], "", extra)
        entries = _checked_keys(guard, path)
        sent = send(guard, Stage("cat", ["cat", path]), None, arguments, context)
    return Outcome(False, data=dict(sent, entries=entries, taken=taken))


def _redis_cli(path: str) -> Tuple[List[str], Dict[str, str]]:
    """How this Redis is spoken to: redis-cli's arguments, and an environment with its password."""
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            lines = [line.split(None, 1) for line in handle if line.strip() and not line.startswith("#")]
    except OSError as error:
        raise OperationError("cannot read %s: %s" % (path, error.strerror), hint="say where Redis's configuration is") from None
    settings = {line[0].lower(): line[1].strip().strip("\"'") for line in lines if len(line) == 2}
    addresses = [each.lstrip("-") for each in settings.get("bind", "127.0.0.1").split()]
    host = "127.0.0.1" if {"127.0.0.1", "*", "0.0.0.0"} & set(addresses) else addresses[0]  # noqa: S104 - nobody listens here
    where = ["-h", host, "-p", settings.get("port", "6379")]
    if settings.get("port") == "0":
        where = ["-s", settings.get("unixsocket", "")]
    return ["redis-cli"] + where, {"REDISCLI_AUTH": settings["requirepass"]} if "requirepass" in settings else {}


def _redis_bytes(guard: Guard, command: List[str], extra: Dict[str, str]) -> int:
    """What it holds in memory; a copy of it is hardly ever bigger. Raises OperationError if nobody answers."""
    answer = guard.run(command + ["INFO", "memory"], "", extra).text
    found = re.search(r"^used_memory:(\d+)", answer, re.MULTILINE)
    if not found:
        raise OperationError("Redis does not tell how much it holds", last_lines=answer.splitlines()[-4:])
    return int(found.group(1))


def _checked_keys(guard: Guard, path: str) -> int:
    """The keys that redis-check-rdb reads in a file. Raises OperationError if it does not understand it to its end."""
    found = re.search(r"(\d+) keys read", guard.run(["redis-check-rdb", path]).text)
    if not found:
        raise OperationError("redis-check-rdb does not tell how many keys it read")
    return int(found.group(1))


def verify_part(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Decompressed to its end, and an archive listed to its end, too."""
    with Guard(context, arguments["limit_seconds"]) as guard, workplace() as work, open(os.devnull, "wb") as nowhere:
        names = os.path.join(work, "names")
        reader = _reader(names) if arguments["archive"] else Stage("cat", ["cat"])
        pipeline = Pipeline(guard, [Stage("zstd", UNSQUEEZE), reader], give=True, into=nowhere.fileno())
        pipeline.feed(received(arguments["content"], context))
        pipeline.finish()
        data = {"raw_bytes": pipeline.passed[0]}
        return Outcome(False, data=dict(data, entries=_lines(names)) if arguments["archive"] else data)


def _reader(names: str) -> Stage:
    """What reads an archive to its end, and writes the names of its members down."""
    return Stage("tar", LIST[:-1] + [LIST[-1] + names], "", ENGLISH)


def _lines(path: str) -> int:
    with open(path, "rb") as handle:
        return sum(1 for _line in handle)


def _make_sure_of_room(needed: int, folder: str) -> None:
    """Raises OperationError where so many bytes do not fit, with a little to spare for everybody else."""
    try:
        found = os.statvfs(folder)
    except OSError as error:
        raise OperationError("cannot write to %s: %s" % (folder, error.strerror)) from None
    free = found.f_bavail * found.f_frsize
    if free < needed + SPARE:
        what = "this needs %d MiB in %s, and %d MiB are free" % ((needed + SPARE) >> 20, folder, free >> 20)
        raise OperationError(what, hint="make room there; nothing was changed")


def _make_sure_it_is_new(path: str) -> None:
    if os.path.lexists(path):
        raise OperationError("%s is there already" % path, hint="nothing is overwritten: choose another path, or move it away")


def unpack(arguments: Dict[str, Any], context: Context) -> Outcome:
    """Beside what is there, or only to see whether it can be done."""
    path, started = arguments["path"], time.monotonic()
    if arguments["passing"]:
        with workplace() as work:
            _make_sure_of_room(arguments["raw_bytes"], work)
            entries = _fill(work, arguments, context)
    else:
        _make_sure_it_is_new(path)
        _make_sure_of_room(arguments["raw_bytes"], os.path.dirname(path))
        if context.check:
            return Outcome(True, "unpack into %s" % path, unknown=True)
        entries = _unpack_beside(path, arguments, context)
    return Outcome(not arguments["passing"], data={"entries": entries, "seconds": round(time.monotonic() - started, 3)})


def _unpack_beside(path: str, arguments: Dict[str, Any], context: Context) -> int:
    """Made in a passing folder beside its place; it gets its name when it is whole and on the disk."""
    folder = os.path.dirname(path)
    prefix = "." + os.path.basename(path) + "."
    leftovers.clear(os.path.join(folder, prefix))
    work = tempfile.mkdtemp(prefix=prefix, dir=folder)
    with leftovers.noted(work):
        try:
            entries = _fill(work, arguments, context)
            process.must(["sync", "--file-system", work])
            _make_sure_it_is_new(path)
            os.rename(os.path.join(work, CONTENT), path)
            atomic.sync_folder(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return entries


def _fill(work: str, arguments: Dict[str, Any], context: Context) -> int:
    """The part as `content` in a folder; its entries. Raises OperationError if they are not as many as went in."""
    with Guard(context, arguments["limit_seconds"]) as guard:
        how = _extract if arguments["archive"] else _place
        entries = how(guard, os.path.join(work, CONTENT), arguments["content"], context)
    if entries != arguments["entries"]:
        raise OperationError("%d entries came out, and %d went in" % (entries, arguments["entries"]), hint="choose another backup")
    return entries


def _extract(guard: Guard, folder: str, content: Dict[str, Any], context: Context) -> int:
    """An archive into a new folder; its members."""
    os.mkdir(folder, 0o700)
    names = os.path.join(os.path.dirname(folder), "names")
    command = UNPACK + ["--index-file=" + names, "--directory=" + folder]
    pipeline = Pipeline(guard, [Stage("zstd", UNSQUEEZE), Stage("tar", command, "", ENGLISH)], give=True)
    pipeline.feed(received(content, context))
    pipeline.finish()
    return _lines(names)


def _place(guard: Guard, path: str, content: Dict[str, Any], context: Context) -> int:
    """A Redis's copy as a new file, for its owner alone; its keys."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        pipeline = Pipeline(guard, [Stage("zstd", UNSQUEEZE)], give=True, into=descriptor)
        pipeline.feed(received(content, context))
        pipeline.finish()
    finally:
        os.close(descriptor)
    return _checked_keys(guard, path)
