"""Which hosts a command line came to the last time, so that the same one can call them before it has read the inventory; and which
large files it described.

Kept in `.windlass/called.json`, by a checksum of the words typed: the words themselves may be anything. An entry counts for as long
as no file of the inventories has changed. Whatever is wrong with the file, the command goes its usual way.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import windlass
from windlass import own_file
from windlass.tasks.place import project_folder

if TYPE_CHECKING:
    from windlass.hosts.common.target import Target

NAME: Final = "called.json"
OUR_IDENTITY: Final = "@identity@"  # stand for what is of one process only
OUR_TAG: Final = "@process@"
MOST_COMMANDS: Final = 50
MOST_HOSTS: Final = 64  # with more, the start of the program is not what takes the time


def call(words: Sequence[str]) -> None:
    """Begin to log in where this command line went the last time, if it is known and the inventories are what they were."""
    project = project_folder()
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        entry = _read(project).get(_key(words))
        if entry and entry["state"] == _state(project):
            _start_programs(entry["programs"])
            _read_ahead(project, entry.get("files", ()))
            _begin([_target(each) for each in entry["targets"]])


def _start_programs(of_all: Sequence[Sequence[str]]) -> None:
    """Those that carry connections, before anything else is loaded: they need most of the time."""
    from windlass.hosts.common import programs

    for words in of_all:
        programs.start_ahead([as_of_this_process(word) for word in words])


def _read_ahead(project: Path, files: Sequence[str]) -> None:
    """Large files that have changed since: to read one takes as long as all that is begun here."""
    if files:
        from windlass.history import reading_ahead

        reading_ahead.begin(project / ".windlass" / "checksums", files)


def as_of_this_process(word: str) -> str:
    """A word of another process's command line, as this one has it."""
    if "@" not in word:  # as in nearly all
        return word
    from windlass.hosts.agent.controller import identity, process_tag

    return word.replace(OUR_IDENTITY, identity()).replace(OUR_TAG, process_tag())


def _begin(targets: Sequence[Target]) -> None:
    """Those that the program `ssh` or libssh2 goes to are first: they need nothing of what Paramiko has to load."""
    from windlass.hosts.many import head_start
    from windlass.tasks import lean

    head_start.begin(target for target in targets if target.transport != "paramiko")
    lean.start()
    head_start.begin(target for target in targets if target.transport == "paramiko")


def let_go() -> None:
    """The command is over: whoever was called and not needed is told goodbye. At the exit it would be too late: Paramiko has ended
    its connections by then."""
    if "windlass.hosts.common.programs" in sys.modules:
        from windlass.hosts.common import programs

        programs.end_what_nobody_took()
    if "windlass.hosts.many.head_start" in sys.modules:
        from windlass.hosts.many import head_start

        head_start.give_up()


def remember(project: Path, words: Sequence[str]) -> None:
    """Write down to which hosts this process has opened lines, if the next run of the same words would not know them."""
    from windlass.history.checksums import large_files
    from windlass.hosts.many import head_start

    by_name = {target.name: target for target in reversed(head_start.wanted())}
    targets = list(reversed(by_name.values()))
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        known, key = _read(project), _key(words)
        hosts = {"programs": _programs(targets), "targets": [_plain(target) for target in targets]}
        entry = {"state": _state(project), **hosts, "files": large_files()}
        if targets and len(targets) <= MOST_HOSTS and known.get(key) != entry:
            known.pop(key, None)
            _write(project, {**known, key: entry})


def _programs(targets: Sequence[Target]) -> list[list[str]]:
    """What ssh is started with for those that it reaches without a jump host, at which logins would have to wait for each other."""
    reached = [target for target in targets if target.transport == "openssh"]
    if not reached:
        return []
    from windlass.hosts.agent.controller import identity, process_tag
    from windlass.hosts.agent.starting import start_command
    from windlass.hosts.by_openssh.openssh import program
    from windlass.hosts.by_openssh.ssh_jumps import jumps

    own = [program(target, start_command(target)) for target in reached if identity() and not jumps(target)]
    return [[word.replace(identity(), OUR_IDENTITY).replace(process_tag(), OUR_TAG) for word in words] for words in own]


def _read(project: Path) -> dict[str, Any]:
    """A file that somebody else could have written says nothing: programs are started by what stands in it."""
    try:
        found = json.loads(own_file.read(project / ".windlass" / NAME))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(project: Path, known: dict[str, Any]) -> None:
    kept = dict(list(known.items())[-MOST_COMMANDS:])
    own_file.write(project / ".windlass" / NAME, json.dumps(kept).encode())


def _key(words: Sequence[str]) -> str:
    """Of another version of the program, or with another environment chosen by a variable, the same words are others."""
    said = [windlass.__version__, os.environ.get("WINDLASS_ENV", ""), *words]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _state(project: Path) -> str:
    """Changes with every file that is written, made or removed among the inventories."""
    found = [(str(path), status.st_size, status.st_mtime_ns) for path, status in _files(project / "inventories")]
    return hashlib.sha256(repr(sorted(found)).encode()).hexdigest()


def _files(folder: Path) -> Iterable[tuple[Path, os.stat_result]]:
    for place, _folders, names in os.walk(folder, followlinks=True):
        for name in names:
            path = Path(place, name)
            yield path, path.stat()


def _plain(target: Target) -> dict[str, Any]:
    """As JSON knows it; passwords are never among them."""
    import dataclasses

    fields = {field.name: getattr(target, field.name) for field in dataclasses.fields(target)}
    del fields["sudo_password"]
    paths = {name: str(value) for name, value in fields.items() if isinstance(value, Path)}
    return {**fields, **paths, "jump": _plain(target.jump) if target.jump else None}


def _target(plain: dict[str, Any]) -> Target:
    from windlass.hosts.common.target import Target

    paths = {name: Path(plain[name]) for name in ("private_key", "known_hosts") if plain[name]}
    return Target(**{**plain, **paths, "jump": _target(plain["jump"]) if plain["jump"] else None})
