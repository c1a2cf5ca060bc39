"""Writes the reference part of docs/commands.md from the tasks' own help: `python -m tests.unit.commands_reference`."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from invoke.parser.argument import Argument
from invoke.tasks import Task

from windlass.tasks.common import HELP
from windlass.tasks.program import namespace

PAGE = Path(__file__).parents[2] / "docs/commands.md"
MARK = "<!-- From here on:"
SHARED = "[As most tasks](#options-that-most-tasks-take)"


def reference() -> str:
    """A list of all tasks; then a section for each: its docstring, its own options, the names of those that most tasks take."""
    tasks = namespace()
    names = sorted(tasks.task_names, key=_order)
    rows = [f"| [`{name}`](#{name.replace('.', '')}) | {_summary(tasks[name])} |" for name in names]
    listed = "\n".join(["| task | what it does |", "|---|---|", *rows])
    return f"\n## Reference\n\n{listed}\n" + "".join(_section(name, tasks[name]) for name in names)


def _summary(task: Task[Any]) -> str:
    return inspect.cleandoc(task.__doc__ or "").partition("\n")[0]


def _order(name: str) -> tuple[bool, str]:
    return "." in name, name


def _section(name: str, task: Task[Any]) -> str:
    text = inspect.cleandoc(task.__doc__ or "")
    own, shared = [], []
    for option in task.get_arguments():
        (shared if HELP.get(option.name.replace("_", "-")) == option.help else own).append(option)
    rows = [f"| `{_written(option)}` | {option.help} |" for option in own]
    table = "\n".join(["", "| option | meaning |", "|---|---|", *rows, ""]) if rows else ""
    also = f"\n{SHARED}: {', '.join(f'`{_written(each)}`' for each in shared)}.\n" if shared else ""
    return f"\n### `{name}`\n\n{text}\n{table}{also}"


def _written(option: Argument) -> str:
    name = f"--{option.name.strip('_')}".replace("_", "-")
    return name if option.kind is bool else f"{name} …"


def rewritten(page: str) -> str:
    """The page with the reference as it should be now."""
    head, mark, rest = page.partition(MARK)
    return head + mark + rest.splitlines()[0] + "\n" + reference()


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text()))
