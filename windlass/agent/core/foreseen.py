"""What a check foresees of files, folders and links: each as the operations before would leave it. A run loads none of this."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import stat
from typing import Any, Callable, Dict, Iterable, Iterator, NamedTuple, Optional, Set, Tuple

from windlass.agent.core import atomic, diffs, ownership, unwritable
from windlass.agent.core.accounts import need_account
from windlass.agent.core.context import Context
from windlass.agent.core.foreseen_accounts import People
from windlass.agent.core.outcome import Changes, OperationError

GONE = "gone"
FILE = "file"
LINK = "link"
NEW = "new folder"  # in which nothing is but what is foreseen, too
FOLDER = "folder"  # that was there, and is of another owner or mode
UNKNOWN = "unknown"  # something is there by then, or in it, but nobody knows what
MOST_LINKS = 40  # as for the kernel
NOBODY_YET = -2  # as in a tree that is wanted
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
    """How one path will be. `content` is None where only its checksum is known; of what is `secret` no line is shown."""

    kind: str
    content: Optional[bytes] = None
    checksum: str = ""
    target: str = ""
    owner: str = ""
    group: str = ""
    mode: int = UNSURE
    secret: bool = False

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

    def has(self, algorithm: str, digest: str) -> bool:
        """Whether it is a file with this checksum, as far as that is known."""
        if self.kind != FILE:
            return False
        if algorithm == "sha256":
            return self.checksum == digest
        return self.content is not None and hashlib.new(algorithm, self.content).hexdigest() == digest

    def status(self) -> Optional[os.stat_result]:
        """Of a directory, as lstat(2) would say; -2 stands for an owner who is still to be made. None where that is not known."""
        if self.mode == UNSURE:
            return None
        ids = _number(pwd.getpwnam, self.owner), _number(grp.getgrnam, self.group)
        return os.stat_result((stat.S_IFDIR | self.mode, 0, 0, 1, *ids, 0, 0, 0, 0))

    def text(self, path: str) -> Optional[bytes]:
        if self.is_folder():
            raise OperationError("%s is a directory, not a file" % path, hint="move it away if it is not needed")
        return self.content


class Foresights:
    """All of them, the last word on each path."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: Dict[str, Foreseen] = {}
        self._secret: Set[str] = set()
        self.people = People(context)
        self.units: Dict[str, Dict[str, str]] = {}  # what systemd will say of units
        self.npm: Dict[str, str] = {}  # versions of packages by their folders, as they were asked for; empty for those that go
        self.packages: Any = None  # foreseen_packages.Packages, once an operation changes any

    nothing = Foreseen(GONE)

    def at(self, path: str) -> Optional[Foreseen]:
        """What is foreseen of a path; None where what is there now counts."""
        return self._at(self._place(path))

    def _at(self, place: str) -> Optional[Foreseen]:
        if place in self._known:
            return self._known[place]
        for folder in _above(place):
            known = self._known.get(folder)
            if known and known.kind != FOLDER:
                return Foreseen(UNKNOWN if known.kind == UNKNOWN else GONE)
        return None

    def _place(self, path: str) -> str:
        """The one name of a path: links above it are followed, it itself is not."""
        path = os.path.normpath(path)
        return os.path.join(self.real(os.path.dirname(path)), os.path.basename(path)) if path != "/" else path

    def paths(self) -> Iterable[str]:
        return self._known

    def below(self, path: str) -> bool:
        """Whether anything is foreseen of what is in it."""
        place = self._place(path)
        return any(each.startswith(place + "/") for each in self._known)

    def real(self, path: str) -> str:
        """Where links lead, those that are foreseen included."""
        path = os.path.normpath(path)
        for _turn in range(MOST_LINKS):
            link, target = next(((each, target) for each, target in self._links(path) if target), ("", ""))
            if not target:
                break
            path = os.path.normpath(os.path.join(os.path.dirname(link), target) + path[len(link) :])
        return path

    def _links(self, path: str) -> Iterator[Tuple[str, str]]:
        """The folders above it and it itself, each with the target of a link."""
        for each in [*reversed(list(_above(path))), path]:
            foreseen = self._at(each)
            if foreseen:
                yield each, foreseen.target
            else:
                yield each, os.readlink(each) if os.path.islink(each) else ""

    def unknown(self, path: str) -> None:
        """Something comes there. What is there now still counts, unless earlier operations do something to it."""
        if self.at(path) is not None or not os.path.lexists(path):
            self._keep(path, Foreseen(UNKNOWN))

    def whole(self, path: str) -> None:
        """Something comes there in the place of all that is there."""
        self._keep(path, Foreseen(UNKNOWN))

    def removed(self, paths: Iterable[str]) -> None:
        """Files of packages that go; which of them are kept (configuration), dpkg decides."""
        there = [path for path in paths if os.path.lexists(path) and not os.path.isdir(path)]
        self._known.update({self._place(path): Foreseen(UNKNOWN) for path in there})

    def gone(self, path: str) -> None:
        self._keep(path, Foreseen(GONE))
        self._context.expect_no_longer(path)

    def link(self, path: str, target: str) -> None:
        self._keep(path, Foreseen(LINK, target=target))

    def folder(self, path: str, arguments: Dict[str, Any], before: Optional[Foreseen]) -> None:
        """A directory, made or changed. `arguments` are owner, group and mode; what they do not say stays."""
        kind = (NEW if before.is_new_folder() else FOLDER) if before and before.is_folder() else ""
        kind = kind or (FOLDER if before is None and os.path.isdir(path) else NEW)
        for above in reversed([each for each in _above(path) if not self._context.is_there(each)]):
            self._keep(above, Foreseen(NEW, None, "", "", *_own_names(), 0o755))
        self._keep(path, Foreseen(kind, None, "", "", *_dress(path, arguments, before, 0o755)))

    def home(self, user: str, group: str, path: str) -> None:
        """What useradd makes of /etc/skel; the home's own mode is its own affair."""
        self._keep(path, Foreseen(NEW, owner=user, group=group or user))
        for folder, folders, files in os.walk("/etc/skel"):
            for name in [*folders, *files]:
                source = os.path.join(folder, name)
                target, mode = os.path.join(path, os.path.relpath(source, "/etc/skel")), ownership.owner_and_mode(source)[2]
                text = None if name in folders else atomic.read_or_none(source) or b""
                self._keep(target, Foreseen(NEW if text is None else FILE, text, _sum(text), "", user, group or user, mode))

    def file(self, path: str, arguments: Dict[str, Any], before: Optional[Foreseen], content: Any, secret: bool = False) -> None:
        """A regular file: with new content (bytes, or what has its `checksum`), or with None as it was."""
        if isinstance(content, dict):
            text, checksum = None, str(content["checksum"])
        elif content is None and before is not None:
            text, checksum = before.content, before.checksum
        else:
            text = atomic.read_or_none(path) if content is None else content
            checksum = _sum(text)
        if content is None:
            secret = diffs.holds_secret(path, self._context)
        self._keep(path, Foreseen(FILE, text, checksum, "", *_dress(path, arguments, before, 0o644), secret))

    def secret(self, path: str) -> None:
        """Something secret is in the file, which stays as it is."""
        place = self._place(path)
        if place in self._known:
            self._known[place] = self._known[place]._replace(secret=True)
        else:
            self._secret.add(place)

    def is_secret(self, path: str) -> bool:
        """Of a file of which nothing else is foreseen."""
        return self._place(path) in self._secret

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
        for kind, name in (("user", owner), ("group", group)):
            if name and not name.isdigit() and not need_account(kind, name, self._context):
                changes.unknown = True

    def need_writable(self, path: str, of_itself: bool) -> None:
        """Raises OSError where the run could not change what is there, unless an earlier operation may mend that."""
        place = self._place(path)
        known = self._at(place) or self._at(os.path.dirname(place))
        if not known and not self._context.expects_surprises() and not self._context.expects_any("remount"):
            unwritable.need_writable(place, of_itself)

    def _keep(self, path: str, foreseen: Foreseen) -> None:
        """What was in it is of no account any more, unless it is the folder that it was."""
        path = self._place(path)
        if not (foreseen.is_folder() and path in self._known and self._known[path].is_folder()) and foreseen.kind != FOLDER:
            self._known = {each: known for each, known in self._known.items() if not each.startswith(path + "/")}
        self._known[path] = foreseen


def _number(look: Callable[[str], Any], name: str) -> int:
    try:
        return int(name) if name.isdigit() else int(look(name)[2])
    except KeyError:
        return NOBODY_YET


def _sum(text: Optional[bytes]) -> str:
    return hashlib.sha256(text or b"").hexdigest()


def _dress(path: str, arguments: Dict[str, Any], before: Optional[Foreseen], usual: int) -> Tuple[str, str, int]:
    """Owner, group and mode: what is not said stays; what is new is of whoever makes it."""
    if before is None and os.path.lexists(path):
        owner, group, mode = ownership.owner_and_mode(path)
    elif before is not None and before.is_there() and before.kind != LINK:
        owner, group, mode = before.owner, before.group, before.mode
    else:
        owner, group, mode = *_own_names(), usual
    mode = int(arguments["mode"], 8) if arguments["mode"] else mode
    return arguments["owner"] or owner, arguments["group"] or group, mode


def _own_names() -> Tuple[str, str]:
    return pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name


def _above(path: str) -> Iterator[str]:
    while path not in ("/", ""):
        path = os.path.dirname(path)
        yield path
