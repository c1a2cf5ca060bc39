"""What is said of a command line that Invoke's parser does not understand: in our words, with what was perhaps meant."""

from __future__ import annotations

import re
from collections.abc import Iterable

from invoke.exceptions import ParseError

from windlass.inventory.faults import did_you_mean


def explained(error: ParseError, tasks: Iterable[str]) -> str:
    """A sentence for a person."""
    said, context = str(error), error.context
    of_task = f" of {context.name}" if context and context.name else ""
    flags = [flag for flag in (context.flags if context else ()) if flag.startswith("--")]
    if found := re.fullmatch("No idea what '(.*)' is!", said):
        word = found[1]
        if word.startswith("-"):
            return f"there is no option {word}{of_task}{did_you_mean(word, flags)}"
        return f"there is no task {word}{did_you_mean(word, tasks)}"
    if found := re.fullmatch(r"Flag <Argument: ([\w-]+).*> needed value and was not given one!", said):
        return f"--{_dashed(found[1])}{of_task} needs a value"
    if found := re.fullmatch("'.*' did not receive required positional arguments: (.*)", said):
        return f"{context.name if context else 'this task'} needs {', '.join(f'--{_dashed(name)}' for name in _names(found[1]))}"
    return said


def _names(listed: str) -> list[str]:
    return [name.strip("'") for name in listed.split(", ")]


def _dashed(name: str) -> str:
    return name.strip("_").replace("_", "-")
