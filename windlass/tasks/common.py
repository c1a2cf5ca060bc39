"""What all tasks share: the options, their help, where the project is, and which environment is meant."""

from __future__ import annotations

import functools
import getpass
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from invoke.exceptions import Exit
from invoke.tasks import Task
from invoke.tasks import task as invoke_task

from windlass.errors import RefusedError, UsageError
from windlass.report.json_output import INTERRUPTED
from windlass.tasks.door import Run, guard
from windlass.values import Secret

HELP: Mapping[str, str] = {
    "env": "the environment, a folder of inventories/ (or set WINDLASS_ENV)",
    "limit": "only these hosts: names, groups, globs, joined by `,`; `!` takes away, as in 'web*,!web2'",
    "check": "only say what would change; nothing is touched",
    "diff": "show what changes in files",
    "json": "one JSON object on standard output, see docs/formats/json.md",
    "yes": "do not ask for confirmation",
    "lab": "work on the environment's twin in the lab, see lab.up",
    "accept-new": "write down the SSH key of a host never seen before",
    "ask-sudo-password": "ask for the password that sudo wants there; without a terminal it is the first line of stdin",
}

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


def command(**own_help: str) -> Callable[[Body], Task[Body]]:
    """An Invoke task that leaves through the door. Shared options get their help by name, a task's own are given here."""

    def make(body: Body) -> Task[Body]:
        names = [name.strip("_").replace("_", "-") for name in list(inspect.signature(body).parameters)[1:]]
        explained = dict(HELP) | {name.strip("_").replace("_", "-"): text for name, text in own_help.items()}
        made: Task[Body] = invoke_task(auto_shortflags=False, help={name: explained[name] for name in names if name in explained})(
            _guarded(body)
        )
        return made

    return make


def _guarded(body: Body) -> Body:
    @functools.wraps(body)
    def guarded(*arguments: Any, **options: Any) -> None:
        run = Run(task=body.__name__, as_json=bool(options.get("json")), folder=project_folder())
        try:
            guard(run, lambda: body(*arguments, **options))
        except Exit as end:
            if end.code == INTERRUPTED:  # a person wants out now, not when the last thread gives up on a silent host
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(INTERRUPTED)
            raise

    return guarded  # type: ignore[return-value]  # the same signature, by functools.wraps


def project_folder(start: Path | None = None) -> Path:
    """The nearest folder, from here upwards, that holds inventories; the current one where none does."""
    here = (start or Path()).absolute()
    return next((folder for folder in (here, *here.parents) if (folder / "inventories").is_dir()), here)


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
            hint="run this in a folder that has inventories/<name>/hosts.yml",
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
