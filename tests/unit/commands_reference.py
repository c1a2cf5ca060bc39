"""Writes the reference part of docs/commands.md from the tasks' own help: `python -m tests.unit.commands_reference`."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from invoke.parser.argument import Argument
from invoke.tasks import Task

from windlass.tasks.program import namespace

PAGE = Path(__file__).parents[2] / "docs/commands.md"
MARK = "<!-- From here on:"


def reference() -> str:
    """One section per task: its docstring, then its options."""
    tasks = namespace()
    return "\n## Reference\n" + "".join(_section(name, tasks[name]) for name in sorted(tasks.task_names, key=_order))


def _order(name: str) -> tuple[bool, str]:
    return "." in name, name


def _section(name: str, task: Task[Any]) -> str:
    text = inspect.cleandoc(task.__doc__ or "")
    rows = [f"| `{_written(option)}` | {option.help} |" for option in task.get_arguments()]
    table = "\n".join(["", "| option | meaning |", "|---|---|", *rows]) if rows else ""
    return f"\n### `{name}`\n\n{text}\n{table}\n"


def _written(option: Argument) -> str:
    name = f"--{option.name}".replace("_", "-")
    return name if option.kind is bool else f"{name} …"


def rewritten(page: str) -> str:
    """The page with the reference as it should be now."""
    head, mark, rest = page.partition(MARK)
    return head + mark + rest.splitlines()[0] + "\n" + reference()


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text()))
