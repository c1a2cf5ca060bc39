"""What all tasks share: the options, their help, where the project is, and which environment is meant."""

from __future__ import annotations

import dataclasses
import functools
import getpass
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from invoke.exceptions import Exit
from invoke.tasks import Task
from invoke.tasks import task as invoke_task

from windlass.errors import RefusedError, UsageError
from windlass.report.json_output import INTERRUPTED
from windlass.tasks import remembered
from windlass.tasks.door import Run, Wishes, guard
from windlass.tasks.place import project_folder
from windlass.values import Secret

if TYPE_CHECKING:
    from invoke.collection import Collection

HELP: Mapping[str, str] = {
    "env": "the environment, a folder of inventories/ (or set WINDLASS_ENV)",
    "limit": "only these hosts: names, groups, globs, joined by `,`; `!` takes away, as in 'web*,!web2'",
    "check": "only say what would change; nothing is touched",
    "diff": "show what changes in files",
    "json": "one JSON object on standard output, see docs/formats/json.md",
    "junit": "write a file in JUnit's XML for CI: a testsuite for each host, a testcase for each operation",
    "profile": "say where the time went: connecting, waiting, working, and which operations took longest",
    "verbose": "show what long programs on the hosts write, line by line, while they run",
    "yes": "do not ask for confirmation",
    "lab": "work on the environment's twin in the lab, see lab.up",
    "accept-new": "write down the SSH key of a host never seen before",
    "ask-sudo-password": "ask for the password that sudo wants there; without a terminal it is the first line of stdin",
}

_WISHES: ContextVar[Wishes] = ContextVar("wishes", default=Wishes())  # noqa: B039 - frozen
Body = TypeVar("Body", bound=Callable[..., None])


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options that most tasks take, as they were typed."""

    env: str = ""
    limit: str = ""
    check: bool = False
    diff: bool = False
    json: bool = False
    yes: bool = False
    lab: bool = False
    accept_new: bool = False
    ask_sudo_password: bool = False

    @classmethod
    def of(cls, given: Mapping[str, Any], **fixed: Any) -> Options:
        """Those among a task's own parameters, `Options.of(locals())`, and what the task itself decides."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: given[name] for name in names if name in given} | fixed)


def command(**own_help: str) -> Callable[[Body], Task[Body]]:
    """An Invoke task that leaves through the door. Shared options get their help by name, a task's own are given here.

    A task that calls hosts (and therefore takes `--accept-new`) also takes what `Wishes` holds; its body never sees it.
    """

    def make(body: Body) -> Task[Body]:
        signature = _with_wishes(inspect.signature(body))
        names = [name.strip("_").replace("_", "-") for name in list(signature.parameters)[1:]]
        explained = dict(HELP) | {name.strip("_").replace("_", "-"): text for name, text in own_help.items()}
        helps = {name: explained[name] for name in names if name in explained}
        made: Task[Body] = invoke_task(name=_name(body), auto_shortflags=False, help=helps)(_guarded(body, signature))
        return made

    return make


def name_families(namespace: Collection) -> None:
    """Tell families of tasks, and the tasks in them, what they are called: who is asked before a task has begun knows it then."""
    for family, collection in namespace.collections.items():
        collection.name = family  # by which `--list --list-format json` calls it
        for name, each in collection.tasks.items():
            each.body.known_as = family if name == "run" else f"{family}.{name}"  # plain `backup` is backup.run


def _name(body: Callable[..., None]) -> str:
    """What a task is called in its family: a function whose name would hide one of Python's ends in `_`."""
    return body.__name__.rstrip("_")


def wishes() -> Wishes:
    """What the person who typed the task under way wants to see of it."""
    return _WISHES.get()


def _with_wishes(signature: inspect.Signature) -> inspect.Signature:
    if "accept_new" not in signature.parameters:
        return signature
    own = [
        inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default)
        for each in dataclasses.fields(Wishes)
        if each.name not in signature.parameters
    ]
    return signature.replace(parameters=[*signature.parameters.values(), *own])


def _guarded(body: Body, signature: inspect.Signature) -> Body:
    taken = set(inspect.signature(body).parameters)

    @functools.wraps(body)
    def guarded(*arguments: Any, **options: Any) -> None:
        def whole() -> None:
            _refuse_options(signature, options)
            body(*arguments, **options)

        wanted = {name: options.pop(name) for name in list(options) if name not in taken}
        _WISHES.set(Wishes(**wanted))
        sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)  # as it was before Invoke's own default
        known_as = getattr(guarded, "known_as", _name(body))
        run = Run(task=known_as, as_json=bool(options.get("json")), folder=project_folder())
        try:
            guard(run, whole)
        except Exit as end:
            if end.code == INTERRUPTED:  # a person wants out now, not when the last thread gives up on a silent host
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(INTERRUPTED)
            raise
        finally:
            remembered.let_go()

    guarded.__signature__ = signature  # type: ignore[attr-defined]  # what Invoke reads
    return guarded  # type: ignore[return-value]  # the same signature, by functools.wraps


def _refuse_options(signature: inspect.Signature, given: Mapping[str, Any]) -> None:
    """Invoke takes the next word for an argument that a task must have, also one that was to be an option: `run --help`.

    Raises UsageError for such a word.
    """
    needed = [name for name, each in signature.parameters.items() if each.default is inspect.Parameter.empty]
    for word in (str(given[name]) for name in needed if str(given.get(name, "")).startswith("-")):
        from windlass.inventory.faults import did_you_mean

        meant = did_you_mean(word, [f"--{name.strip('_').replace('_', '-')}" for name in signature.parameters])
        meant = "" if word in ("-h", "--help") else meant
        raise UsageError(f"there is no option {word} here{meant}", hint="`invoke --help TASK` (or windlass) shows which there are")


def environments(project: Path) -> list[str]:
    """The names of the environments that the project has."""
    return sorted({path.parent.name for path in (project / "inventories").glob("*/*.yml")})


def chosen_environment(options: Options, project: Path) -> str:
    """The environment that is meant. Raises UsageError that names all of them when none was said."""
    name = options.env or os.environ.get("WINDLASS_ENV", "")
    if name:
        return name
    known = environments(project)
    if not known:
        raise UsageError(
            f"there is no environment in {project / 'inventories'}",
            hint="run this inside a folder with inventories/<name>/hosts.yml; invoke init --host USER@ADDRESS writes a first one",
        )
    raise UsageError(f"which environment? say --env {' or --env '.join(known)}", hint="or set WINDLASS_ENV")


def ask_sudo_password() -> Secret:
    """What a person types unseen, or the first line of standard input where no person is. Raises UsageError for nothing."""
    password = getpass.getpass("sudo password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if not password:
        raise UsageError("no sudo password was given", hint="type it, or give it as the first line of standard input")
    return Secret(password)


def confirm(question: str, word: str, *, yes: bool) -> None:
    """Have a person type a word. Raises RefusedError when it is another one or nobody is there to type it."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise RefusedError(f"{question}: nobody is there to confirm it", hint="run it in a terminal, or with --yes")
    sys.stderr.write(f"{question}. Type {word} to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != word:
        raise RefusedError("not confirmed: nothing was touched")
