"""How a person types our commands: `invoke …` in a clone, `windlass …` where the package is installed and there is no tasks.py;
and with which environment."""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from windlass.events import Note

if TYPE_CHECKING:
    from windlass.events import Event, Listener

# A command in a sentence, and what stands behind it up to the end of the clause.
_COMMAND = re.compile(r"\binvoke (?:(?=-)|([a-z][a-z0-9_.]*[a-z0-9])(?=([^;,`()]*)))")
_OF_NO_ENVIRONMENT = ("history.show", "init", "inventory.schema")
_WHERE: ContextVar[str] = ContextVar("where", default="")


def work_on(environment: str, *, lab: bool = False) -> None:
    """Commands that are told from now on are about this environment."""
    known = os.environ.get("WINDLASS_ENV") == environment
    _WHERE.set(f"{'' if known or not environment else f' --env {environment}'}{' --lab' if lab else ''}")


def program() -> str:
    """What a person types to run a task: `windlass` or `invoke`."""
    return "windlass" if Path(sys.argv[0]).name == "windlass" else "invoke"


def typed(task: str) -> str:
    """A task as it is typed for the environment that is worked on: `invoke rollback --env staging`."""
    return f"{program()} {task}{_WHERE.get()}"


def as_typed(text: str) -> str:
    """A text of ours with its commands as whoever reads it types them."""

    def command(found: re.Match[str]) -> str:
        task, rest = found[1], found[2]
        if task is None or task in _OF_NO_ENVIRONMENT or "--env" in rest:
            return f"{program()} {task or ''}"
        return typed(task)

    return _COMMAND.sub(command, text)


def notes_as_typed(listener: Listener) -> Listener:
    """The same for what a flow tells while it runs."""

    def tell(event: Event) -> None:
        listener(dataclasses.replace(event, text=as_typed(event.text)) if isinstance(event, Note) else event)

    return tell
