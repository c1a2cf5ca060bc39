"""Backups of other hosts in a folder of this one: `<root>/<name>/<id>/`, for root alone.

A draft is `.partial-<id>`, a removal under way `.removing-<id>`; one rename(2) makes the former a backup and a backup the latter.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import time
from typing import Any, Dict, Iterator

from windlass.agent.core import atomic
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError, Outcome
from windlass.agent.core.receiver import FULL, Receiver

PARTIAL, REMOVING = ".partial-", ".removing-"
PORT_WAIT = 3600.0  # seconds that another file's turn may take
PIECE = 1 << 18  # bytes
RECEIVER = "receiver"


@contextlib.contextmanager
def _told(action: str, path: str) -> Iterator[None]:
    """What the system says, as an error that says where and what to do."""
    try:
        yield
    except OSError as error:
        hint = "make room there; earlier backups are untouched" if error.errno in FULL else "look at the folder and its disk"
        raise OperationError("cannot %s %s: %s" % (action, path, error.strerror), hint=hint) from None


def begin_draft(arguments: Dict[str, Any], _context: Context) -> Outcome:
    """The folders are made for root alone; a root that is there already stays as it is."""
    home = os.path.join(arguments["root"], arguments["name"])
    draft = os.path.join(home, PARTIAL + arguments["id"])
    with _told("make", draft):
        os.makedirs(arguments["root"], mode=0o700, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkdir(home, 0o700)
        os.mkdir(draft, 0o700)
        atomic.sync_folder(arguments["root"])
        atomic.sync_folder(home)
    return Outcome(True)


def receive(arguments: Dict[str, Any], context: Context) -> Outcome:
    """The listener stays until the file is finished or the link ends."""
    path = _draft(arguments, arguments["part"] + ".receiving")
    with _told("write", path):
        receiver = Receiver(path)
    receiver.listen(arguments["address"], arguments["port"], PORT_WAIT, context)
    context.kept[RECEIVER] = receiver
    return Outcome(True)


def expect_part(arguments: Dict[str, Any], context: Context) -> Outcome:
    """The address of before is good no longer."""
    context.kept[RECEIVER].expect(
        arguments["token"], {"number": arguments["number"], "bytes": arguments["bytes"], "sha256": arguments["sha256"]}
    )
    return Outcome(True)


def finish_part(arguments: Dict[str, Any], context: Context) -> Outcome:
    """From now on the file is one of the draft."""
    path = _draft(arguments, arguments["part"])
    with _told("write", path):
        return Outcome(True, data=context.kept.pop(RECEIVER).finish(path))


def write_record(arguments: Dict[str, Any], _context: Context) -> Outcome:
    """A small file, whole or not at all."""
    path = os.path.join(arguments["root"], arguments["name"], arguments["folder"], arguments["file"])
    with _told("write", path):
        atomic.write(path, [base64.b64decode(arguments["content"])], 0o600)
    return Outcome(True)


def drop_record(arguments: Dict[str, Any], _context: Context) -> Outcome:
    """One that is gone already is fine."""
    path = os.path.join(arguments["root"], arguments["name"], arguments["folder"], arguments["file"])
    with _told("remove", path), contextlib.suppress(FileNotFoundError):
        os.unlink(path)
        atomic.sync_folder(os.path.dirname(path))
    return Outcome(True)


def publish_draft(arguments: Dict[str, Any], _context: Context) -> Outcome:
    """One rename, on the disk before it is told."""
    home = os.path.join(arguments["root"], arguments["name"])
    with _told("publish", os.path.join(home, arguments["id"])):
        atomic.sync_folder(_draft(arguments))
        os.rename(_draft(arguments), os.path.join(home, arguments["id"]))
        atomic.sync_folder(home)
    return Outcome(True)


def discard_draft(arguments: Dict[str, Any], _context: Context) -> Outcome:
    """What cannot be removed is swept later."""
    shutil.rmtree(_draft(arguments), ignore_errors=True)
    return Outcome(True)


def remove_stored(arguments: Dict[str, Any], _context: Context) -> Outcome:
    """Not listed any more before the first byte of it goes. Whoever locked it until then is seen, and it comes back."""
    home = os.path.join(arguments["root"], arguments["name"])
    there, going = os.path.join(home, arguments["id"]), os.path.join(home, REMOVING + arguments["id"])
    with _told("remove", there):
        wish = _wish(there, arguments)
        if wish:
            return Outcome(False, data=wish)
        os.rename(there, going)
        wish = _wish(going, arguments)
        if wish:
            os.rename(going, there)
            return Outcome(False, data=wish)
        atomic.sync_folder(home)
        shutil.rmtree(going)
    return Outcome(True)


def _wish(folder: str, arguments: Dict[str, Any]) -> Dict[str, str]:
    """The file that says that somebody wants the backup in this folder; nothing if nobody does."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        with contextlib.suppress(FileNotFoundError):  # a lock that is given back at this moment
            young = time.time() - os.stat(path).st_mtime < arguments["lock_seconds"]
            if name == arguments["pin"] or (name.startswith(arguments["lock"]) and young):
                with open(path, "rb") as handle:
                    return {"file": name, "content": base64.b64encode(handle.read()).decode()}
    return {}


def list_stored(arguments: Dict[str, Any], context: Context) -> Outcome:
    """A line of JSON for each file, down the stream: a backup's id, the file's name and size, and what is in a small one."""
    home = os.path.join(arguments["root"], arguments["name"])
    with _told("read", home):
        for backup in sorted(os.listdir(home)) if os.path.isdir(home) else []:
            folder = os.path.join(home, backup)
            if not backup.startswith(".") and os.path.isdir(folder):
                _list_one(backup, folder, context)
    context.end_stream(1)
    return Outcome(False)


def _list_one(backup: str, folder: str, context: Context) -> None:
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:  # it was let go meanwhile
        return
    context.emit(1, json.dumps({"id": backup}).encode() + b"\n")
    for name in names:
        path = os.path.join(folder, name)
        with contextlib.suppress(FileNotFoundError):  # a lock or a draft of something that goes at this moment
            told = {"id": backup, "file": name, "bytes": os.stat(path).st_size}
            if name.endswith((".json", ".sig", ".pem")):
                with open(path, "rb") as handle:
                    told["content"] = base64.b64encode(handle.read()).decode()
            context.emit(1, json.dumps(told).encode() + b"\n")


def hash_stored(arguments: Dict[str, Any], context: Context) -> Outcome:
    """All bytes, read from where they rest."""
    digest, path = hashlib.sha256(), os.path.join(arguments["root"], arguments["name"], arguments["folder"], arguments["part"])
    with _told("read", path), open(path, "rb") as handle:
        for chunk in iter(lambda: handle.read(PIECE), b""):
            context.check_wanted()
            digest.update(chunk)
    return Outcome(False, data={"sha256": digest.hexdigest()})


def read_stored(arguments: Dict[str, Any], context: Context) -> Outcome:
    """All bytes, down the stream."""
    path = os.path.join(arguments["root"], arguments["name"], arguments["folder"], arguments["part"])
    with _told("read", path), open(path, "rb") as handle:
        for chunk in iter(lambda: handle.read(PIECE), b""):
            context.emit(1, chunk)
    context.end_stream(1)
    return Outcome(False)


def sweep_stored(arguments: Dict[str, Any], _context: Context) -> Outcome:
    """Drafts and removals in which nothing was written for so long."""
    home = os.path.join(arguments["root"], arguments["name"])
    swept = []
    for name in sorted(os.listdir(home)) if os.path.isdir(home) else []:
        folder = os.path.join(home, name)
        if name.startswith((PARTIAL, REMOVING)) and time.time() + arguments["ahead"] - _touched(folder) > arguments["older_than"]:
            shutil.rmtree(folder, ignore_errors=True)
            swept.append(name)
    return Outcome(bool(swept), data={"swept": swept})


def _touched(folder: str) -> float:
    times = [os.stat(folder).st_mtime]
    for name in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):
            times.append(os.stat(os.path.join(folder, name)).st_mtime)
    return max(times)


def _draft(arguments: Dict[str, Any], *names: str) -> str:
    return os.path.join(arguments["root"], arguments["name"], PARTIAL + arguments["id"], *names)
