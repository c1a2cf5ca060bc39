"""What a command begins with: hosts first, for they take longest to answer, then the program."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING

from windlass import kept
from windlass.tasks import reader, remembered

if TYPE_CHECKING:
    from invoke.program import Program


@functools.cache
def ahead() -> None:
    """Call the hosts that the same command line came to before, and make classes and patterns from what is kept of them."""
    if "invoke.program" in sys.modules:
        _teach(sys.modules["invoke.program"].Program)
    reader.may_leave()
    kept.start(*sys.argv[1:2])
    remembered.call(sys.argv[1:])
    from windlass.tasks import kept_code, kept_patterns

    kept_code.start()
    kept_patterns.start()


def _teach(program: type[Program]) -> None:
    """Have Invoke's own program, which is what a clone types, tell of words that it does not understand as ours does."""
    parse_tasks = program.parse_tasks

    def in_our_words(self: Program) -> None:
        from invoke.exceptions import Exit, ParseError

        try:
            parse_tasks(self)
        except ParseError as error:
            from windlass.errors import WRONG_USAGE
            from windlass.tasks.parse_words import explained

            said = explained(error, self.collection.task_names)
            hint = "`invoke --list` shows all tasks, `invoke --help TASK` one"
            raise Exit(f"error: {said}\nhint: {hint}", WRONG_USAGE) from error

    program.parse_tasks = in_our_words  # type: ignore[method-assign]


def command() -> None:
    """What `windlass` on a shell is."""
    ahead()
    from windlass.tasks.program import command as go_on

    go_on()
