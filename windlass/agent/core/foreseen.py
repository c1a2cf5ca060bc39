"""What a check foresees of files, folders and links: each as the operations before would leave it. A run loads none of this."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
from typing import Any, Dict, Iterable, Iterator, NamedTuple, Optional, Tuple

from windlass.agent.core import atomic
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import Changes, OperationError

GONE = "gone"
FILE = "file"
LINK = "link"
NEW = "new folder"  # in which nothing is but what is foreseen, too
FOLDER = "folder"  # that was there, and is of another owner or mode
UNKNOWN = "unknown"  # something is there by then, or in it, but nobody knows what
UNSURE = -1  # of a mode
TOLD = {  # what systemd says of a unit that was told to
    "enable": ("UnitFileState", "enabled"),
    "disable": ("UnitFileState", "disabled"),
    "mask": ("UnitFileState", "masked"),
    "start": ("ActiveState", "active"),
    "restart": ("ActiveState", "active"),
    "stop": ("ActiveState", "inactive"),
}


class Foreseen(NamedTuple):
    """How one path will be. `content` is None where only its checksum is known."""

    kind: str
    content: Optional[bytes] = None
    sha256: str = ""
    target: str = ""
    owner: str = ""
    group: str = ""
    mode: int = UNSURE

    def is_folder(self) -> bool:
        return self.kind in (NEW, FOLDER)

    def is_new_folder(self) -> bool:
        return self.kind == NEW

    def is_there(self) -> bool:
        return self.kind not in (GONE, UNKNOWN)

    def is_gone(self) -> bool:
        return self.kind == GONE

    def is_unknown(self) -> bool:
        return self.kind == UNKNOWN

    def is_unread(self) -> bool:
        """Whether it may have a text that is not known."""
        return self.kind == UNKNOWN or (self.kind == FILE and self.content is None)

    def text(self, path: str) -> Optional[bytes]:
        if self.is_folder():
            raise OperationError("%s is a directory, not a file" % path, hint="move it away if it is not needed")
        return self.content


class Foresights:
    """All of them, the last word on each path."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: Dict[str, Foreseen] = {}
        self.homes: Dict[str, str] = {}  # of users who will be there
        self.units: Dict[str, Dict[str, str]] = {}  # what systemd will say of units

    def at(self, path: str) -> Optional[Foreseen]:
        """What is foreseen of a path; None where what is there now counts."""
        path = os.path.normpath(path)
        if path in self._known:
            return self._known[path]
        for folder in _above(path):
            known = self._known.get(folder)
            if known and known.kind != FOLDER:
                return Foreseen(UNKNOWN if known.kind == UNKNOWN else GONE)
        return None

    def paths(self) -> Iterable[str]:
        return self._known

    def below(self, path: str) -> bool:
        """Whether anything is foreseen of what is in it."""
        return any(each.startswith(os.path.normpath(path) + "/") for each in self._known)

    def real(self, path: str) -> str:
        """Where links lead, those that are foreseen included."""
        for _turn in range(40):
            found = next((each for each in [path, *_above(path)] if self._is_link(each)), None)
            if found is None:
                break
            path = os.path.normpath(os.path.join(os.path.dirname(found), self._known[found].target) + path[len(found) :])
        return path if self.at(path) else os.path.realpath(path)

    def _is_link(self, path: str) -> bool:
        return path in self._known and self._known[path].kind == LINK

    def unknown(self, path: str) -> None:
        """Something comes there. Where nothing was foreseen, what is there now still counts."""
        if self.at(path) is not None:
            self._keep(path, Foreseen(UNKNOWN))

    def gone(self, path: str) -> None:
        self._keep(path, Foreseen(GONE))
        self._context.expect_no_longer(path)

    def link(self, path: str, target: str) -> None:
        self._keep(path, Foreseen(LINK, target=target))

    def folder(self, path: str, arguments: Dict[str, Any], before: Optional[Foreseen]) -> None:
        """A directory, made or changed. `arguments` are owner, group and mode; what they do not say stays."""
        kind = (NEW if before.is_new_folder() else FOLDER) if before and before.is_folder() else ""
        kind = kind or (FOLDER if before is None and os.path.isdir(path) else NEW)
        self._keep(path, Foreseen(kind, None, "", "", *_dress(path, arguments, before, 0o755)))

    def home(self, user: str, group: str, path: str) -> None:
        """What useradd makes of /etc/skel; the home's own mode is its own affair."""
        self.homes[user] = path
        if os.path.isdir(path):
            return
        self._keep(path, Foreseen(NEW, owner=user, group=group or user))
        for folder, folders, files in os.walk("/etc/skel"):
            for name in [*folders, *files]:
                source = os.path.join(folder, name)
                target, mode = os.path.join(path, os.path.relpath(source, "/etc/skel")), atomic.owner_and_mode(source)[2]
                text = None if name in folders else atomic.read_or_none(source) or b""
                self._keep(target, Foreseen(NEW if text is None else FILE, text, _sum(text), "", user, group or user, mode))

    def file(self, path: str, arguments: Dict[str, Any], before: Optional[Foreseen], content: Any) -> None:
        """A regular file: with new content (bytes, or what has its `sha256`), or with None as it was."""
        if isinstance(content, dict):
            text, sha256 = None, str(content["sha256"])
        elif content is None and before is not None:
            text, sha256 = before.content, before.sha256
        else:
            text = atomic.read_or_none(path) if content is None else content
            sha256 = _sum(text)
        self._keep(path, Foreseen(FILE, text, sha256, "", *_dress(path, arguments, before, 0o644)))

    def unit(self, name: str, content: str) -> None:
        """A unit file that was not there; systemd has read it."""
        has = {"UnitFileState": "disabled" if "\n[Install]" in "\n" + content else "static", "ActiveState": "inactive"}
        can = "yes" if "\nExecReload=" in content else "no"
        self.units[name] = dict(has, LoadState="loaded", SubState="", CanReload=can, NeedDaemonReload="no")

    def told(self, unit: str, verbs: Iterable[str]) -> None:
        """A unit that systemd knows, or will, does these."""
        self.units.setdefault(unit, {}).update(TOLD[verb] for verb in verbs if verb in TOLD)

    def need_owner(self, changes: Changes, owner: str, group: str) -> None:
        """Insist on an owner whom the host has, or an earlier operation makes. Raises OperationError."""
        for kind, name, look in (("user", owner, pwd.getpwnam), ("group", group, grp.getgrnam)):
            if not name or name.isdigit() or self._context.expected(kind, name):
                continue
            try:
                look(name)
            except KeyError:
                if not self._context.expects_surprises():
                    raise atomic.nobody(kind, name) from None
                changes.unknown = True

    def _keep(self, path: str, foreseen: Foreseen) -> None:
        """What was in it is of no account any more, unless it is the folder that it was."""
        path = os.path.normpath(path)
        if not (foreseen.is_folder() and path in self._known and self._known[path].is_folder()) and foreseen.kind != FOLDER:
            self._known = {each: known for each, known in self._known.items() if not each.startswith(path + "/")}
        self._known[path] = foreseen


def _sum(text: Optional[bytes]) -> str:
    return hashlib.sha256(text or b"").hexdigest()


def _dress(path: str, arguments: Dict[str, Any], before: Optional[Foreseen], usual: int) -> Tuple[str, str, int]:
    """Owner, group and mode: what is not said stays; what is new is of whoever makes it."""
    if before is None and os.path.lexists(path):
        owner, group, mode = atomic.owner_and_mode(path)
    elif before is not None and before.is_there() and before.kind != LINK:
        owner, group, mode = before.owner, before.group, before.mode
    else:
        owner, group, mode = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name, usual
    mode = int(arguments["mode"], 8) if arguments["mode"] else mode
    return arguments["owner"] or owner, arguments["group"] or group, mode


def _above(path: str) -> Iterator[str]:
    while path not in ("/", ""):
        path = os.path.dirname(path)
        yield path
