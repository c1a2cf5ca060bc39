"""Cases of operations as data: reading them, and going through one on any host.

A case is an entry of a `.yml` file. Its keys:

    name         what is shown, a sentence
    only         `root`: must run as root; `lab`: changes the machine, so it runs in the lab alone
    controller   a shell script on the controller, in a folder `{here}`; for files that travel
    before       a shell script on the host, in a folder `{root}` of the case's own
    earlier      operations of the same batch, each with an `as` name by which `only_after` and fields in `_on` may refer to it
    operation    `kind` is the class, the rest are its fields; `{secret: …}`, `{local: …}` and `{tree: …}` stand for such values.
                 A kind `module:function` is a function of one's own that gives an operation or several; what is said is of the last
    check        what a check says of it: a status, or a mapping with `status`, and words of `diff` and `summary`
    apply        likewise what a run says; a check says the same unless told otherwise
    again        likewise what a second run says: `ok` unless told otherwise
    fails        words of the error that a check and a run end with; `check` overrides this for the check
    after        a shell script on the host that must succeed
    never        a text that no result may show

Of the earlier operations, too, the check must say what the run then does, or that only a run can tell; and a second run does
nothing about them unless `again` says that it changes something.

In all texts `{root}` and `{here}` stand for those folders, `{tools}` for the folder of the case's file.
Nothing on the host may differ after the check, after a failure, or after the second run (unless that is to change something).
"""

from __future__ import annotations

import inspect
import os
import pkgutil
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

import windlass.operations
from windlass.errors import InventoryError
from windlass.hosts.agent.results import Result
from windlass.hosts.channel import Channel
from windlass.operations.local_tree import LocalTree
from windlass.operations.operation import LocalFile, Operation
from windlass.operations.wire import Batch
from windlass.values import Command, Secret

COMMAND_FIELDS = ("command", "unless", "only_if", "validate")
# That the list of packages was fetched remains true after a failure; notes of files that are being written have a folder.
LITTER = re.compile("/dpkg/lock|/windlass(/apt-updated|/begun)? ")
PACKAGED = ("/var/lib/dpkg/info", "/etc/ssl/certs", "*/node_modules", "*/site-packages")
UNKNOWN = "unknown until run"
Shell = Callable[[str], str]


@dataclass(frozen=True)
class Place:
    """Where a case runs: a channel, a shell on the same host, and the folders of the case on the host and on the controller."""

    channel: Channel
    shell: Shell
    local_shell: Shell
    root: str
    here: str
    tools: str = ""


@cache
def operation_classes() -> Mapping[str, type[Operation]]:
    """Every operation there is, by the name of its class."""
    found = {}
    for module in pkgutil.iter_modules(windlass.operations.__path__):
        for _name, member in inspect.getmembers(import_module(f"windlass.operations.{module.name}"), inspect.isclass):
            if issubclass(member, Operation) and member is not Operation and not member.__name__.startswith("_"):
                found[member.__name__] = member
    return found


def cases(folder: Path) -> list[Any]:
    """All cases of a folder's files as parameters of a test, named file and sentence."""
    import pytest  # noqa: PLC0415 - whoever goes through a case in another way need not have it

    return [
        pytest.param(case | {"tools": str(folder)}, id=f"{path.stem}: {case['name']}")
        for path in sorted(folder.glob("*.yml"))
        for case in read_cases(path)
    ]


@cache
def read_cases(path: Path) -> list[dict[str, Any]]:
    """The cases of a file, read once; by libyaml where PyYAML has it, for there are thousands of lines of them."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: list[dict[str, Any]] = yaml.load(path.read_text(), loader)  # noqa: S506 - both are safe loaders
    return found


def go_through(case: Mapping[str, Any], place: Place) -> None:
    """Before, check, run, after, and run again; every expectation of the case holds, or an assertion fails."""
    place = replace(place, tools=case.get("tools", place.tools))
    _script(case, "controller", place, place.local_shell)
    _script(case, "before", place, place.shell)
    fails = case.get("fails")
    operations = _operations(case, place)
    if isinstance(operations, str):
        assert fails, operations
        assert _filled(fails, place) in operations
        return
    told = case.get("apply", "changed")
    untouched = _state(place)
    foreseen = _run(place, operations, check=True)
    _compare(foreseen[-1], case.get("check", {"fails": fails} if fails else told), case, place)
    assert _state(place) == untouched, "the check changed something"
    done = _run(place, operations)
    _compare(done[-1], {"fails": fails} if fails else told, case, place)
    end = -1 if "check" in case or fails else None  # of the operation itself they may say different things
    assert _lies(foreseen[:end], done[:end]) == []
    if fails:
        left = set(_timeless(_state(place))) ^ set(_timeless(untouched))
        assert [line for line in left if not LITTER.search(line)] == []
    _script(case, "after", place, place.shell)
    if fails:
        return
    settled, again = _state(place), case.get("again", "ok")
    repeated = _run(place, operations)
    _compare(repeated[-1], again, case, place)
    if again == "ok":
        assert [each.operation.title() for each in repeated[:-1] if each.status != "ok"] == []
    assert _state(place) == settled or again != "ok", "the second run changed something"
    _script(case, "after", place, place.shell)


def _script(case: Mapping[str, Any], key: str, place: Place, shell: Shell) -> None:
    """Run a script of the case's, if it has that one."""
    if key in case:
        shell(_filled(case[key], place))


def _state(place: Place) -> list[str]:
    """What operations may touch, with types, modes, owners, sizes, times of change and targets, and the units of the cases.

    Of what packages brought, the time of change of its folder tells enough: there are thousands of files, looked at for each case.
    """
    if not in_lab(place):
        return sorted(_seen_here(Path(place.root)))
    system = "/etc /home /opt /root /usr/local /var/lib/dpkg /var/lib/windlass /var/spool/cron"
    units = "systemctl list-units --all --plain --no-legend 'windlass-*'"
    packaged = " -o ".join(f"-path '{pattern}'" for pattern in PACKAGED)
    shown = r"-printf '%p %y %m %u:%g %s %T@ %l\n'"
    known = rf"LC_ALL=C find {place.root} {system} \( {packaged} \) {shown} -prune -o {shown} 2>/dev/null || true"
    return sorted(place.shell(f"{known}; {units}").splitlines())


def _seen_here(path: Path) -> Iterator[str]:
    """The same of a folder of this machine, as `find` would say it, which takes longer to start than this takes."""
    status = path.lstat()
    kind, target = stat.filemode(status.st_mode)[0], path.readlink() if path.is_symlink() else ""
    who, seconds = f"{status.st_uid}:{status.st_gid}", f"{status.st_mtime_ns // 10**9}.{status.st_mtime_ns % 10**9:09}"
    yield f"{path} {kind} {stat.S_IMODE(status.st_mode):o} {who} {status.st_size} {seconds} {target}"
    if stat.S_ISDIR(status.st_mode) and f"*/{path.name}" not in PACKAGED and os.access(path, os.R_OK | os.X_OK):
        for each in path.iterdir():
            yield from _seen_here(each)


def _timeless(state: list[str]) -> list[str]:
    """Without the times of folders, in which a failed attempt may have had a temporary file."""
    return [re.sub(r"^(\S+ d .*) [0-9.]+ $", r"\1", line) for line in state]


def in_lab(place: Place) -> bool:
    """Whether the host is a lab's: there the case is root, and the whole machine is its own."""
    return place.root.startswith("/srv/")


def _run(place: Place, operations: tuple[Operation, ...], *, check: bool = False) -> list[Result]:
    """The results of all; those before the one that the case is about must be well."""
    results = list(place.channel.run(Batch(operations, check=check, go_on=True)))
    for result in results[:-1]:
        assert not result.failed, result
    return results


def _lies(foreseen: Sequence[Result], done: Sequence[Result]) -> list[tuple[str, str, str]]:
    """Where a check said another thing than the run did. Of what is unknown until run it said nothing."""
    return [
        (said.operation.title(), f"{said.status} {said.diff}", f"{did.status} {did.diff}")
        for said, did in zip(foreseen, done, strict=True)
        if said.status != "unknown" and UNKNOWN not in said.diff and (said.status, said.diff) != (did.status, did.diff)
    ]


def _compare(result: Result, wanted: str | Mapping[str, str], case: Mapping[str, Any], place: Place) -> None:
    expected = {"status": wanted} if isinstance(wanted, str) else dict(wanted)
    if "never" in case:
        assert case["never"] not in repr((result.summary, result.diff, result.data, result.message, result.hint, result.last_lines))
    if "fails" in expected:
        assert result.failed, result
        assert _filled(expected["fails"], place) in " ".join((result.message, result.hint, *result.last_lines)), result
        return
    assert (result.status, result.message, result.last_lines) == (expected.get("status", "changed"), "", ()), result
    for key, value in expected.items():
        assert _filled(value, place) in getattr(result, key), result


def _filled(text: str, place: Place) -> str:
    return text.replace("{root}", place.root).replace("{here}", place.here).replace("{tools}", place.tools)


def _operations(case: Mapping[str, Any], place: Place) -> tuple[Operation, ...] | str:
    """The operations before it and the one that the case is about, or with what words the controller refuses them."""
    named: dict[str, Operation] = {}
    try:
        for number, described in enumerate(case.get("earlier", [])):
            fields_only = {key: value for key, value in described.items() if key != "as"}
            named[described.get("as", str(number))] = _operation(fields_only, named, place)
        operations = (*named.values(), *_asked(case["operation"], named, place))
        for operation in operations:
            operation.arguments()
    except InventoryError as error:
        return f"{error.message} {error.hint}"
    return operations


def _asked(described: Mapping[str, Any], named: Mapping[str, Operation], place: Place) -> tuple[Operation, ...]:
    """What the case is about: an operation, or what a function of the user's own gives."""
    module, colon, function = described["kind"].partition(":")
    if not colon:
        return (_operation(described, named, place),)
    arguments = {key: _argument(key, value, named, place) for key, value in described.items() if key != "kind"}
    given = getattr(import_module(module), function)(**arguments)
    return (given,) if isinstance(given, Operation) else tuple(given)


def _operation(described: Mapping[str, Any], named: Mapping[str, Operation], place: Place) -> Operation:
    kind: Any = operation_classes()[described["kind"]]
    arguments = {key: _argument(key, value, named, place) for key, value in described.items() if key != "kind"}
    if not in_lab(place):  # a run of the tests on one's own machine need not be root's
        mine = {field.name: "" for field in fields(kind) if field.name in ("owner", "group")}
        arguments = mine | arguments
    made: Operation = kind(**arguments)
    return made


def _argument(key: str, value: object, named: Mapping[str, Operation], place: Place) -> object:
    if key == "only_after" or key.endswith("_on"):
        return tuple(named[name] for name in value)  # type: ignore[attr-defined]
    plain = _value(value, place)
    return Command(plain) if key in COMMAND_FIELDS and isinstance(plain, tuple) else plain


def _value(value: object, place: Place) -> Any:
    if isinstance(value, str):
        return _filled(value, place)
    if isinstance(value, dict) and set(value) == {"secret"}:
        return Secret(_filled(value["secret"], place))
    if isinstance(value, dict) and "tree" in value:
        patterns = {key: tuple(value[key]) for key in ("include", "exclude") if key in value}
        return LocalTree.of(Path(_filled(value["tree"], place)), **patterns)
    if isinstance(value, dict) and set(value) == {"local"}:
        return LocalFile.of(Path(_filled(value["local"], place)))
    if isinstance(value, dict):
        return {key: _value(item, place) for key, item in value.items()}
    return tuple(_value(item, place) for item in value) if isinstance(value, list) else value
