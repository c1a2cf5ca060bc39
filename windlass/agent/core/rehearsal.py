"""What a check asks of the programs that examine a file before it is installed. A run loads none of this."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Callable, List

from windlass.agent.core import process
from windlass.agent.core.context import Context
from windlass.agent.core.outcome import OperationError, Outcome
from windlass.agent.file import validator


def examine(content: str, command: List[str], outcome: Outcome, context: Context) -> None:
    """Have a program look at the content in a folder of its own. Raises OperationError, as the run would."""
    if not shutil.which(command[0], path=process.PATH) and context.expects_surprises():
        outcome.unknown = True
        return
    validate = validator(command)
    with tempfile.TemporaryDirectory(prefix="windlass-check-") as folder:
        path = os.path.join(folder, "new")
        with open(path, "wb") as handle:
            handle.write(content.encode())
        rehearse(lambda: validate(path) if validate else None, outcome, context)


def rehearse(look: Callable[[], None], outcome: Outcome, context: Context) -> None:
    """What is wrong for the lack of what earlier operations bring, only a run can tell."""
    try:
        look()
    except OperationError as error:
        if not (context.expects_surprises() or context.expects_of("\n".join([str(error), *error.last_lines]))):
            raise
        outcome.unknown = True
